# services.yagura: the timers around the tools. Each tool's `settings` is its TOML file.
{ self }:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    mkEnableOption
    mkIf
    mkOption
    types
    ;
  cfg = config.services.yagura;
  format = pkgs.formats.toml { };
  packages = self.packages.${pkgs.stdenv.hostPlatform.system};

  # Timer-driven tools: what they run, and when.
  timers = {
    loki2ch = {
      command = "sync";
      # Idempotent. Its failure is told by `sync`, which knows whether it is one.
      prepare = "migrate";
      onCalendar = "*:0/5";
    };
    anomaly-scan = {
      command = "scan";
      onCalendar = "*:2/5";
    };
    parquet-export = {
      command = "run";
      onCalendar = "Mon 03:30";
      # The archive's default place, beside the tool's own state, which comes first.
      extraState = [ "yagura/archive" ];
    };
  };

  toolOptions = name: {
    enable = mkEnableOption "the timer of ${name}";
    package = mkOption {
      type = types.package;
      default = packages.${name};
      defaultText = lib.literalExpression "yagura.packages.\${system}.${name}";
      description = "The package that provides {command}`${name}`.";
    };
    settings = mkOption {
      type = types.submodule { freeformType = format.type; };
      default = { };
      description = "Configuration of {command}`${name}`, written to {file}`/etc/yagura/${name}.toml`. Secrets go into files that it names.";
    };
  };

  program = name: lib.getExe' cfg.${name}.package name;

  enabled = lib.filterAttrs (name: _: cfg.${name}.enable) timers;
in
{
  options.services.yagura = lib.mapAttrs (name: _: toolOptions name) timers;

  config = mkIf (enabled != { }) {
    environment.etc = lib.mapAttrs' (
      name: _:
      lib.nameValuePair "yagura/${name}.toml" {
        source = format.generate "${name}.toml" cfg.${name}.settings;
      }
    ) enabled;

    systemd.services = lib.mapAttrs (name: timer: {
      description = "Yagura ${name}";
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${program name} ${timer.command}";
        TimeoutStartSec = "1h";
        # A dependency that is away is no failure: the next run catches up.
        SuccessExitStatus = 75;
        DynamicUser = true;
        StateDirectory = [ "yagura/${name}" ] ++ timer.extraState or [ ];
        NoNewPrivileges = true;
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
      }
      // lib.optionalAttrs (timer ? prepare) {
        ExecStartPre = "-${program name} ${timer.prepare}";
      };
    }) enabled;

    systemd.timers = lib.mapAttrs (_: timer: {
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnCalendar = timer.onCalendar;
        Persistent = true;
        RandomizedDelaySec = 30;
      };
    }) enabled;
  };
}
