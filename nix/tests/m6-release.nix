# SPDX-License-Identifier: MPL-2.0
# The host tool's archives: for every system one, with the program for that system, static, manual pages, completions and licences; the sums are theirs.
{
  runCommand,
  file,
  m6-release,
  unzip,
}:
runCommand "m6-release-check"
  {
    nativeBuildInputs = [
      file
      unzip
    ];
  }
  ''
    fail() {
      echo "$1: want $2, got:" >&2
      cat said >&2
      exit 1
    }
    holds() { # WHAT TEXT: `said` has it
      grep -qF -- "$2" said || fail "$1" "$2"
    }
    cp ${m6-release}/* .
    sha256sum --check SHA256SUMS
    (ls m6-* && cut -d' ' -f3 SHA256SUMS) | sort | uniq -u >said
    [ ! -s said ] || fail SHA256SUMS "a sum for each archive, and nothing else"
    program() { # SYSTEM PROGRAM KIND...
      local directory=m6-$1 name=$2 text
      shift 2
      if [ -e $directory.zip ]; then unzip -q $directory.zip; else tar -xzf $directory.tar.gz; fi
      file -b $directory/$name | tee said
      for text; do holds $directory/$name "$text"; done
      for text in LICENSE share/man/man1/m6.1 share/man/man1/m6-flash.1 share/bash-completion/completions/m6 \
        share/zsh/site-functions/_m6 share/fish/vendor_completions.d/m6.fish share/powershell/m6.ps1 \
        share/licenses/github.com/spf13/cobra/LICENSE.txt; do
        find $directory >said
        [ -s $directory/$text ] || fail $directory "$text, with something in it"
      done
      # Nothing of when and where it was built.
      find $directory ! -newermt 1980-01-02 ! -type d | wc -l >said
      [ "$(cat said)" = "$(find $directory ! -type d | wc -l)" ] || fail $directory "files of 1980"
      grep -qaF -- -trimpath=true $directory/$name || fail $directory/$name "paths of the module alone (-trimpath)"
    }
    program linux-amd64 m6 "ELF 64-bit LSB executable, x86-64" "statically linked"
    program linux-arm64 m6 "ELF 64-bit LSB executable, ARM aarch64" "statically linked"
    program darwin-amd64 m6 "Mach-O 64-bit" x86_64
    program darwin-arm64 m6 "Mach-O 64-bit" arm64
    program windows-amd64 m6.exe "PE32+ executable" x86-64
    [ "$(ls m6-*.* | wc -l)" = 5 ]
    touch $out
  ''
