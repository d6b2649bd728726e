# SPDX-License-Identifier: MPL-2.0
# The date of everything built here, in seconds since 1970: 1980-01-01, the earliest that every format can hold. nixpkgs
# takes the date of the source's newest file where a recipe sets none after unpacking.
"315532800"
