# SPDX-License-Identifier: MPL-2.0
# What this project calls the board and where it keeps things on it, as Go has it; and `deviceTree`, the name of its device tree
# without an ending, and `consoleArgument`, the kernel's for the debug UART.
let
  board = builtins.fromJSON (builtins.readFile ../internal/board/board.json);
in
board
// {
  deviceTree = builtins.head (builtins.match "(.*)\\.dtb" (builtins.head board.deviceTrees));
  consoleArgument = "console=${board.console.tty},${toString board.console.baud}";
}
