# What programs of a shell make of the variable SECRET: a line with the name of each, and its output up to a NUL.
tell() { printf '%s\n' "$1"; shift; "$@"; printf '\0'; }
tell 'printf %q' printf %q "$SECRET"
LC_ALL=C tell 'printf %q, C' bash -c 'printf %q "$SECRET"'
tell '@Q' printf %s "${SECRET@Q}"
tell 'declare -p' declare -p SECRET
tell 'export -p' bash -c 'export -p | grep -A99 "^declare -x SECRET=" | sed "1!{/^declare -x/,\$d}"'
tell 'set -x' bash -c 'exec 2>&1; set -x; : "$SECRET"'
tell 'base64' bash -c 'printf %s "$SECRET" | base64'
tell 'base64 -w 64' bash -c 'printf %s "$SECRET" | base64 -w 64'
tell 'base64 -w 0' bash -c 'printf %s "$SECRET" | base64 -w 0'
tell 'openssl base64' bash -c 'printf %s "$SECRET" | openssl base64'
tell 'openssl base64, amid' bash -c 'printf "Basic user:%s and so on" "$SECRET" | openssl base64'
tell 'od' bash -c 'printf %s "$SECRET" | od -An -v -tx1'
