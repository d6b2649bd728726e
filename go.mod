// SPDX-License-Identifier: MPL-2.0
module talos-nanopi-m6

go 1.26.0
