# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What every system test starts with:
#
#     . "${0%/*}/lib.sh"
#
#     network red 10.1.0.0/24 2001:db8:1::/64
#     port a red veth
#     port b red tap
#     start_switch
#     plug a b
#     lease a b
#     expect_ping a b
#
# A test runs in network, mount and process namespaces of its own, with a /run of its own: its switch, guests and files end with
# it, whatever happens. It succeeds when it ends; the first command that fails ends it, and shows where and what the switch
# logged. Nothing waits for a time to pass: a test waits until() something is so, and fails when that takes too long.

set -Eeuo pipefail

if [ -z "${DF_TEST_INSIDE:-}" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "system tests make network namespaces: run them as root" >&2
        exit 1
    fi
    DF_TEST_INSIDE=yes exec unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0" "$@"
fi

here=$(cd "${0%/*}" && pwd)
scripts=$here/../../scripts
build=${DF_BUILD_ROOT:-$here/../../build} # meson test sets it
df_switchd=$build/control/df-switchd
df_ctl_program=$build/control/df-ctl
df_db_program=$build/dbsync/df-db

mount -t tmpfs tmpfs /run
mkdir /run/df /run/netns
ip link set lo up
# The switch's ends of the wires are no interfaces of this host: its kernel must not speak on them.
sysctl -qw net.ipv6.conf.default.disable_ipv6=1
cd /run/df

# ---- What is said, and how a test ends.

exec 3>&2 # until_true() silences what it tries, but not how it fails

note() {
    printf -- '-- %s\n' "$*"
}

fail() {
    printf 'FAILED: %s\n' "$*" >&3
    exit 1
}

skip() {
    printf 'SKIPPED: %s\n' "$*"
    exit 77
}

# One function only, so that a test's own pipes and subshells do not print it again.
show_failure() {
    local code=$1 line=$2
    trap - ERR
    if [ "$BASHPID" = $$ ]; then
        echo "FAILED: ${0##*/}:$line (exit code $code)" >&3
    fi
}
trap 'show_failure $? $LINENO' ERR

show_log() {
    local code=$?
    if [ $code != 0 ] && [ $code != 77 ] && [ -n "$(find . -maxdepth 1 \( -name log -o -name '*.err' \))" ]; then
        echo "---- ends of the logs of the switch and of what else a test started"
        find . -maxdepth 1 \( -name log -o -name '*.err' -o -name '*.console' \) -exec tail -v -n 60 {} +
        [ ! -S df.sock ] || show_switch || true
    fi >&3 2>&3
}

# Where packets ended, from the guests' ports to the apps.
show_switch() {
    echo "---- its ports, drops, workers and apps"
    ask_switch ports
    ask_switch ports --json | jq -c '.[] | {id} + with_entries(select(.key | test("^(detail|[rt]x_)")))'
    ask_switch drops
    ask_switch workers --json | jq -c '.workers[]'
    ask_switch apps --json | jq -c '.[] | select(.state) | {name, state}'
}

ask_switch() {
    timeout 5 "$df_ctl_program" --socket /run/df/df.sock "$@" || true
}
trap show_log EXIT

# until SECONDS WHAT COMMAND...: runs the command until it succeeds.
until_true() {
    local seconds=$1 what=$2 deadline
    shift 2
    deadline=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -le $deadline ] || fail "after $seconds s still not: $what ($*)"
        sleep 0.05
    done
}

# expect_equal WHAT GOT WANTED
expect_equal() {
    [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

# expect_less WHAT GOT LIMIT: whole numbers
expect_less() {
    [ "$2" -lt "$3" ] || fail "$1: $2 is not below $3"
}

# expect_more WHAT GOT LIMIT
expect_more() {
    [ "$2" -gt "$3" ] || fail "$1: $2 is not above $3"
}

# expect_text PATTERN FILE: the file has a line that matches the extended regular expression.
expect_text() {
    grep -Eq -- "$1" "$2" || fail "no line like '$1' in: $(cat "$2")"
}

# expect_failure OUTPUT COMMAND...: it fails by itself, not by a signal or our time limit.
expect_failure() {
    local output=$1 code=0
    shift
    timeout 20 "$@" >"$output" 2>&1 || code=$?
    [ $code != 0 ] || fail "succeeded, and should not: $*"
    [ $code -lt 124 ] || fail "ended with $code instead of an error of its own: $*: $(cat "$output")"
}

# ---- The northbound database. Ids are the names that tests use.

export DF_DB=lmdb:/run/df/nb

df_db() {
    "$df_db_program" "$@"
}

# put TABLE OBJECT...: creates or replaces objects.
put() {
    local table=$1
    shift
    printf '%s\n' "$@" | jq -s --arg table "$table" '{($table): .}' >put.json
    df_db load put.json >/dev/null
}

declare -A cidr4 cidr6 n_ports network_of vif_of chassis_of ip4 ip6 mac
n_networks=0

# network NAME CIDR4 [CIDR6]: prefixes of 24 and 64 bits; .1 and ::1 are the router's, .2 is the DHCP server.
network() {
    local name=$1
    cidr4[$name]=${2%.0/24}
    cidr6[$name]=${3-}
    cidr6[$name]=${cidr6[$name]%::/64}
    n_ports[$name]=0
    n_networks=$((n_networks + 1))
    put lswitch "{\"id\": \"$name\", \"name\": \"$name\", \"topic\": \"t\", \"network_type\": \"local\", \"mtu\": 1450}"
    put lsubnet "{\"id\": \"$name-4\", \"topic\": \"t\", \"lswitch\": \"$name\", \"cidr\": \"$2\", \"enable_dhcp\": true,
        \"gateway_ip\": \"${cidr4[$name]}.1\", \"dhcp_ip\": \"${cidr4[$name]}.2\"}"
    [ -z "${cidr6[$name]}" ] ||
        put lsubnet "{\"id\": \"$name-6\", \"topic\": \"t\", \"lswitch\": \"$name\", \"cidr\": \"$3\",
            \"gateway_ip\": \"${cidr6[$name]}::1\"}"
}

# port NAME NETWORK VIF_TYPE [BINDING]: BINDING is further fields of the binding. Addresses are given from .11 and ::11 on.
# It is in security group all, which lets everything pass; put_port may say otherwise.
port() {
    local name=$1 network=$2 n
    n_ports[$network]=$((n_ports[$network] + 1))
    n=$((n_ports[$network] + 10))
    network_of[$name]=$network
    vif_of[$name]=$3
    ip4[$name]=${cidr4[$network]}.$n
    ip6[$name]=${cidr6[$network]:+${cidr6[$network]}::$n}
    mac[$name]=$(printf '02:00:00:%02x:00:%02x' "$(printf %s "$network" | cksum | cut -c1-2)" $n)
    put_port "$name" "${4:-\"vif_name\": \"$name\"}"
}

# put_port NAME BINDING [FIELDS]: on node1, or where chassis_of says.
put_port() {
    local name=$1 network=${network_of[$1]} ips subnets
    ips="\"${ip4[$name]}\""
    subnets="\"$network-4\""
    if [ -n "${ip6[$name]}" ]; then
        ips+=", \"${ip6[$name]}\""
        subnets+=", \"$network-6\""
    fi
    put lport "{\"id\": \"$name\", \"name\": \"$name\", \"topic\": \"t\", \"lswitch\": \"$network\", \"macs\": [\"${mac[$name]}\"],
        \"ips\": [$ips], \"subnets\": [$subnets], \"security_groups\": [\"all\"], ${3:+$3,}
        \"binding\": {\"type\": \"chassis\", \"chassis\": \"${chassis_of[$name]:-node1}\", \"vif_type\": \"${vif_of[$name]}\", $2}}"
}

# router NAME NETWORK...: a port in each network, at .1 and ::1.
router() {
    local name=$1 network address ports=() n=0
    shift
    for network in "$@"; do
        n=$((n + 1))
        address="\"network\": \"${cidr4[$network]}.1/24\""
        [ -z "${cidr6[$network]}" ] || address+=", \"networks\": [\"${cidr6[$network]}::1/64\"]"
        put lport "{\"id\": \"$name-$network\", \"topic\": \"t\", \"lswitch\": \"$network\",
            \"macs\": [\"02:00:00:00:01:0$n\"], \"ips\": [\"${cidr4[$network]}.1\"],
            \"device_owner\": \"network:router_interface\", \"device_id\": \"$name\"}"
        ports+=("{\"id\": \"$name-$network\", \"lswitch\": \"$network\", \"mac\": \"02:00:00:00:01:0$n\", $address}")
    done
    put lrouter "{\"id\": \"$name\", \"name\": \"$name\", \"topic\": \"t\", \"ports\": $(printf '%s\n' "${ports[@]}" | jq -cs .)}"
}

df_db init >/dev/null
put chassis '{"id": "node1", "ip": "192.0.2.1"}'
put secgroup '{"id": "all", "name": "all", "topic": "t", "rules": [
    {"id": "all-out4", "direction": "egress", "ethertype": "IPv4"},
    {"id": "all-out6", "direction": "egress", "ethertype": "IPv6"},
    {"id": "all-in4", "direction": "ingress", "ethertype": "IPv4"},
    {"id": "all-in6", "direction": "ingress", "ethertype": "IPv6"}]}'

# ---- The switch.

# Its configuration, by section.key; a test changes what it is about before it starts the switch.
declare -A option=(
    [df.host]=node1
    [df.apps_dir]=$build/apps
    [df.vhost_sock_dir]=/run/df
    [lmdb.path]=/run/df/nb
    [fastpath.mbufs]=16384
    [fastpath.idle_us]=20
    [df_dhcp_app.df_dhcp_max_rate_per_sec]=64 # one guest asks again and again
    [rpc.socket]=/run/df/df.sock
)

write_config() {
    local key section=
    while read -r key; do
        [ "${key%%.*}" = "$section" ] || echo "[${key%%.*}]"
        section=${key%%.*}
        echo "${key#*.} = ${option[$key]}"
    done < <(printf '%s\n' "${!option[@]}" | sort) >switch.ini
}

df_ctl() {
    timeout 60 "$df_ctl_program" --socket /run/df/df.sock "$@"
}

# reports REPORT FILTER: what df-ctl says, as JSON, is so by a filter of jq.
reports() {
    df_ctl "$1" --json | jq -e "$2"
}

switch_answers() {
    kill -0 "$switchd" 2>/dev/null || fail "the switch ended while it started"
    df_ctl version
}

start_switch() {
    write_config
    "$df_switchd" --config /run/df/switch.ini >>log 2>&1 &
    switchd=$!
    until_true 30 "the switch answers df-ctl" switch_answers
}

# Ends without warning, as in a crash.
kill_switch() {
    kill -KILL "$switchd"
    wait "$switchd" 2>/dev/null || true
}

# SIGTERM; its exit code must be 0.
stop_switch() {
    local code=0
    kill -TERM "$switchd"
    wait "$switchd" || code=$?
    expect_equal "exit code after SIGTERM" "$code" 0
}

# drops REASON: packets dropped for it, of all ports.
drops() {
    df_ctl drops --json | jq --arg reason "$1" '[.. | objects | select(.reason? == $reason) | .packets] | add // 0'
}

# more_drops REASON BEFORE: also for what waits in the switch before it is dropped.
more_drops() {
    [ "$(drops "$1")" -gt "$2" ]
}

# ---- Guests: a network namespace with eth0 behind a port.

in_guest() {
    local guest=$1
    shift
    ip netns exec "$guest" "$@"
}

wire_veth() {
    ip link add name "$1" type veth peer name eth0 netns "$1"
    ip link set dev "$1" up
    # The switch takes frames as they leave the guest: nobody would fill in checksums that are left to hardware.
    in_guest "$1" ethtool -K eth0 tx off >/dev/null
}

# The device is there before the switch has done with it.
wire_tap() {
    df_ctl wait "$1" --programmed --timeout 20 >/dev/null || fail "$1 is not open: $(df_ctl ports)"
    ip link set dev "$1" netns "$1" name eth0
}

# plug NAME...: makes the guest and its end of the port, and waits until the switch serves it.
plug() {
    local name
    for name in "$@"; do
        ip netns add "$name"
        case ${vif_of[$name]} in
        tap) wire_tap "$name" ;;
        *) wire_veth "$name" ;;
        esac
        in_guest "$name" ip link set lo up
        in_guest "$name" ip link set eth0 address "${mac[$name]}" up
    done
    for name in "$@"; do
        served "$name"
        [ -z "${ip6[$name]}" ] || in_guest "$name" ip addr add "${ip6[$name]}/64" dev eth0 nodad
        [ -z "${ip6[$name]}" ] ||
            in_guest "$name" ip route add default via "${cidr6[${network_of[$name]}]}::1" dev eth0
    done
}

# The newest version of the port is in force, and its guest is there.
served() {
    df_ctl wait "$1" --timeout 20 >/dev/null || fail "$1 is not served: $(df_ctl ports)"
}

unplug() {
    local name
    for name in "$@"; do
        ip netns del "$name"
    done
}

# lease NAME...: by DHCP, the address that the port has in the model.
lease() {
    local name
    for name in "$@"; do
        in_guest "$name" udhcpc -f -q -n -t 20 -T 1 -i eth0 -O staticroutes -O mtu -s "$scripts/udhcpc-lease" >>udhcpc.log 2>&1 ||
            fail "$name got no lease: $(tail -n 5 udhcpc.log)"
        in_guest "$name" ip -4 addr show dev eth0 | grep -qF "inet ${ip4[$name]}/24 " ||
            fail "$name got another address than ${ip4[$name]}: $(in_guest "$name" ip -4 addr show dev eth0)"
    done
}

# address_of NAME [4|6]; what is no guest's name is an address.
address_of() {
    if [ "${2:-4}" = 6 ]; then
        echo "${ip6[$1]:-$1}"
    else
        echo "${ip4[$1]:-$1}"
    fi
}

# expect_ping FROM TO [4|6]: three replies or more. By a deadline: with -W, ping waits for the last one only as long as two of those
# before took, which a busy machine can exceed.
expect_ping() {
    local to
    to=$(address_of "$2" "${3:-4}")
    in_guest "$1" ping -q -c 3 -i 0.2 -w 5 "$to" >ping.txt 2>&1 || true
    grep -Eq ' ([3-9]|[1-9][0-9]+) received' ping.txt || fail "$1 cannot ping $2 ($to): $(cat ping.txt)"
}

# start_pings FROM TO: one each 50 ms, until stop_pings.
start_pings() {
    ip netns exec "$1" ping -i 0.05 "${ip4[$2]}" >"pings-$2.txt" 2>&1 &
    pings=$!
}

# replies TO [MORE_THAN]
replies() {
    [ "$(grep -c 'icmp_seq=.* time=' "pings-$1.txt")" -gt "${2:-0}" ]
}

# stop_pings TO: sets lost, to how many were overtaken by later ones. They must come back still.
stop_pings() {
    until_true 5 "pings to $1 come back" replies "$1" $(($(grep -c time= "pings-$1.txt") + 5))
    kill -INT "$pings"
    wait "$pings" || true
    # shellcheck disable=SC2034 # the test's
    lost=$(awk '/icmp_seq=.* time=/ {n++; sub(/.*icmp_seq=/, ""); last = $1} END {print last - n}' "pings-$1.txt")
}

# expect_no_ping FROM TO [4|6] [PING OPTIONS...]
expect_no_ping() {
    local from=$1 to
    to=$(address_of "$2" "${3:-4}")
    shift 2
    [ $# = 0 ] || shift
    in_guest "$from" ping -q -c 2 -i 0.2 -W 1 "$@" "$to" >ping.txt 2>&1 || grep -q ' 0 received' ping.txt ||
        fail "ping did not run: $(cat ping.txt)"
    grep -q ' 0 received' ping.txt || fail "$from can ping $to, and should not"
}

# Mbit/s of TCP between two guests, in whole numbers, for two seconds.
tcp_rate() {
    local server=$2 code=0 listener
    in_guest "$server" iperf3 -s -1 >iperf3-server.log 2>&1 &
    listener=$!
    until_true 5 "iperf3 listens" iperf3_listens "$server"
    in_guest "$1" timeout 20 iperf3 -c "$(address_of "$server")" -t 2 --json >iperf3.json || code=$?
    [ $code = 0 ] || fail "iperf3 from $1 to $server: $(jq -r .error iperf3.json)"
    wait "$listener" || true # or the next one would find this one listening still
    jq '.end.sum_received.bits_per_second / 1000000 | floor' iperf3.json
}

iperf3_listens() {
    in_guest "$1" ss -Hltn 'sport = :5201' | grep -q .
}
