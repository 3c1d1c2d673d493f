# SPDX-License-Identifier: Apache-2.0
# Makes C strings of a Lua script, a line each, without its comments.
/^ *--/d
s/\\/\\\\/g
s/"/\\"/g
s/^ *\(.*\)$/"\1\\n"/
