# SPDX-License-Identifier: MPL-2.0
# The host tool.
# Arguments: `version` (what `m6 --version` says). Outputs: `m6` (bin/m6, manual pages and completions) and `m6-release` (the same
# as an archive for each system it runs on, with the licences of what it is made of, and SHA256SUMS).
{
  callPackage,
  version,
  zip,
}:
let
  date = import ./source-date-epoch.nix;
  program =
    extra:
    callPackage ./go.nix {
      package = "cmd/m6";
      internal = [
        "board"
        "child"
        "disk"
        "fdt"
        "flash"
        "image"
        "inspect"
        "medium"
        "qemu"
        "rockchip"
        "signature"
        "verify"
      ];
      inherit extra;
    };
  ldflags = [
    "-s"
    "-w"
    "-X main.version=${version}"
  ];
  # documents PROGRAM DIRECTORY: where nixpkgs and Debian have them.
  documents = program: directory: ''
    mkdir -p ${directory}/bash-completion/completions ${directory}/zsh/site-functions ${directory}/fish/vendor_completions.d
    SOURCE_DATE_EPOCH=${date} ${program} manual ${directory}/man/man1
    ${program} completion bash >${directory}/bash-completion/completions/m6
    ${program} completion zsh >${directory}/zsh/site-functions/_m6
    ${program} completion fish >${directory}/fish/vendor_completions.d/m6.fish
  '';
  # `in` each system: $os, $arch, $directory (m6-OS-ARCH) and $name (the program's).
  eachSystem = commands: ''
    for system in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do
      os=''${system%/*} arch=''${system#*/} name=m6
      [ $os != windows ] || name=m6.exe
      directory=m6-$os-$arch
      ${commands}
    done
  '';
in
{
  m6 = program {
    inherit ldflags;
    postInstall = documents "$out/bin/m6" "$out/share";
  };
  m6-release = program {
    pname = "m6-release";
    nativeBuildInputs = [ zip ];
    buildPhase = ''
      go build -ldflags "${toString ldflags} -buildid=" -o here ./cmd/m6
      ${documents "./here" "share"}
      mkdir -p share/powershell
      ./here completion powershell >share/powershell/m6.ps1
      for module in $(go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}' ./cmd/m6 | sort -u); do
        mkdir -p share/licenses/$module
        cp vendor/$module/LICENSE* share/licenses/$module/
      done
      ${eachSystem ''
        mkdir $directory
        GOOS=$os GOARCH=$arch go build -ldflags "${toString ldflags} -buildid=" -o $directory/$name ./cmd/m6
        cp -r share $directory/
        cp ${../LICENSE} $directory/LICENSE
      ''}
    '';
    # Of the systems that nothing here runs on, too.
    doCheck = true;
    checkPhase = eachSystem "GOOS=$os GOARCH=$arch go vet ./cmd/m6 ./internal/...";
    installPhase = ''
      mkdir $out
      find m6-*-* -exec touch -h -d @${date} {} +
      ${eachSystem ''
        if [ $os = windows ]; then
          find $directory -type f | LC_ALL=C sort | TZ=UTC zip -qX9 $out/$directory.zip -@
        else
          tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u+w,go-w -c $directory | gzip -9n >$out/$directory.tar.gz
        fi
      ''}
      cd $out
      sha256sum m6-* >SHA256SUMS
    '';
  };
}
