# The tools: one package each, and `yagura` with all of them.
{ pkgs }:
let
  inherit (pkgs) lib;
  manifest = lib.importTOML ../Cargo.toml;

  tools = [
    "log-shipper"
    "loki2ch"
    "anomaly-scan"
    "parquet-export"
    "alert-tuner"
  ];

  package =
    { pname, members }:
    pkgs.rustPlatform.buildRustPackage {
      inherit pname;
      inherit (manifest.workspace.package) version;

      # Named one by one, so that a change to the README rebuilds nothing.
      src = lib.fileset.toSource {
        root = ../.;
        fileset = lib.fileset.unions [
          ../Cargo.toml
          ../Cargo.lock
          ../crates
          ../tests/Cargo.toml
          ../tests/e2e
        ];
      };
      cargoLock.lockFile = ../Cargo.lock;
      cargoBuildFlags = lib.concatMap (member: [
        "--package"
        member
      ]) members;

      # The tests start servers; `cargo xtask test` runs them in the development shell.
      doCheck = false;

      nativeBuildInputs = [ pkgs.installShellFiles ];
      postInstall = lib.optionalString (pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform) (
        lib.concatMapStrings (tool: ''
          $out/bin/${tool} man > ${tool}.1
          installManPage ${tool}.1
          installShellCompletion --cmd ${tool} \
            --bash <($out/bin/${tool} completions bash) \
            --fish <($out/bin/${tool} completions fish) \
            --zsh <($out/bin/${tool} completions zsh)
        '') members
      );

      meta = {
        description = "Log monitoring for NixOS home labs";
        license = with lib.licenses; [
          mit
          asl20
        ];
        platforms = lib.platforms.linux;
      }
      // lib.optionalAttrs (builtins.length members == 1) { mainProgram = builtins.head members; };
    };
in
lib.genAttrs tools (
  tool:
  package {
    pname = tool;
    members = [ tool ];
  }
)
// {
  yagura = package {
    pname = "yagura";
    members = tools;
  };
}
