# SPDX-License-Identifier: Apache-2.0
# Fails when a function's body is longer than 100 lines. Our format puts its braces into the first column.
FNR == 1 { open = 0 }
/^\{/ { open = FNR }
/^\}/ && open {
    if (FNR - open > 100) {
        printf "%s:%d: a function of %d lines\n", FILENAME, open, FNR - open
        long = 1
    }
    open = 0
}
END { exit long }
