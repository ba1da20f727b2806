{
  description = "Yagura: log monitoring for NixOS home labs";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEachSystem = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
    in
    {
      packages = forEachSystem (
        pkgs:
        let
          tools = import ./nix/packages.nix { inherit pkgs; };
        in
        tools // { default = tools.yagura; }
      );

      overlays.default = _final: prev: import ./nix/packages.nix { pkgs = prev; };

      nixosModules.default = import ./modules { inherit self; };

      devShells = forEachSystem (pkgs: {
        default = import ./nix/shell.nix { inherit pkgs; };
      });

      checks = forEachSystem (pkgs: {
        inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) yagura;
      });

      formatter = forEachSystem (pkgs: pkgs.nixfmt-tree);
    };
}
