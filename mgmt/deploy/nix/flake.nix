# nix build '.?dir=mgmt/deploy/nix', from the top of a clone.
{
  description = "File server in user space over one ordered log";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      each = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (pkgs: rec {
        dittofs = pkgs.stdenv.mkDerivation {
          pname = "dittofs";
          version = "0.1.0";
          src = ../../..;
          nativeBuildInputs = with pkgs; [ autoreconfHook pkg-config ];
          buildInputs = with pkgs; [
            curl
            expat
            jansson
            leveldb
            libck
            libmicrohttpd
            libsodium
            libyaml
            msgpack-c
            openssl
            sqlite
            zstd
          ];
          enableParallelBuilding = true;
          meta = {
            description = "File server in user space over one ordered log";
            license = pkgs.lib.licenses.mit;
            platforms = pkgs.lib.platforms.linux;
            mainProgram = "dfs";
          };
        };
        default = dittofs;
      });

      devShells = each (pkgs: {
        default = pkgs.mkShell { inputsFrom = [ self.packages.${pkgs.stdenv.hostPlatform.system}.dittofs ]; };
      });
    };
}
