# SPDX-License-Identifier: MPL-2.0
# Windows' program, out of its archive, under Wine: what it inspects, verifies and flashes to a file is what Linux' does, and so are the exit codes.
{
  runCommand,
  m6,
  m6-release,
  sdImage,
  unzip,
  wine64,
}:
runCommand "windows"
  {
    nativeBuildInputs = [
      m6
      unzip
      wine64
    ];
    env = {
      # No .NET, no browser and no desktop.
      WINEDLLOVERRIDES = "mscoree,mshtml,explorer.exe=";
      WINEDEBUG = "-all";
      # Debian has zlib1.dll in a package beside Wine.
      WINEDLLPATH = "/usr/x86_64-w64-mingw32/lib";
    };
  }
  ''
    export HOME=$PWD/home WINEPREFIX=$PWD/home/wine
    mkdir -p $HOME
    # Debian's Wine 10.0 ends with "free(): invalid pointer" where this is set.
    unset TMPDIR
    wine=$(type -P wine || type -P wine-stable || type -P wine64)
    unzip -q ${m6-release}/m6-windows-amd64.zip
    image=${sdImage}/${sdImage.fileName}
    # both ARGUMENT...: m6 and m6.exe say the same and end with the same code, `code`. CARD stands for a file of each one's own.
    both() {
      local on=0 there=0
      m6 "''${@/CARD/linux.raw}" >linux.out 2>linux.err </dev/null || on=$?
      timeout 600 $wine m6-windows-amd64/m6.exe "''${@/CARD/windows.raw}" >windows.out 2>windows.err </dev/null || there=$?
      [ "$on" = "$code" ] && [ "$there" = "$code" ] || {
        echo "m6 $*: want exit code $code, got $on from Linux' and $there from Windows' program:" >&2
        cat linux.out linux.err windows.out windows.err >&2
        exit 1
      }
      echo "m6 $*: $code"
    }
    same() { # what they say, but for line ends and the card's name
      diff <(sed 's/linux\.raw/CARD/g' linux.out) <(sed 's/\r$//; s/windows\.raw/CARD/g' windows.out)
    }

    code=0
    both --version && same
    both help exit-codes && same
    both inspect $image && same
    both inspect -o json $image && same
    both verify --allow-stand-in $image && same
    truncate -s 2G linux.raw windows.raw
    both flash --yes --allow-stand-in $image CARD
    cmp linux.raw windows.raw
    both verify --allow-stand-in CARD && same
    for card in linux windows; do dd if=/dev/zero of=$card.raw bs=32K seek=1 count=1 conv=notrunc status=none; done
    code=1 both verify --allow-stand-in CARD && same
    code=2 both reticulate
    code=3 both verify m6-windows-amd64/LICENSE
    truncate -s 1M linux.raw windows.raw
    code=4 both flash --yes --allow-stand-in $image CARD
    touch $out
  ''
