# Everything that `cargo xtask test` and `cargo xtask demo` look for on PATH.
{ pkgs }:
pkgs.mkShell {
  packages = [
    pkgs.cargo
    pkgs.cargo-deny
    pkgs.clippy
    pkgs.rustc
    pkgs.rustfmt

    pkgs.chromium
    pkgs.clickhouse
    pkgs.grafana-loki
    pkgs.prometheus
    pkgs.prometheus-alertmanager
  ];
}
