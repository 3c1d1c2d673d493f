#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A port scan finds what the rules of a security group open, and nothing else, though the guest listens on much more.
. "${0%/*}/lib.sh"

command -v nmap >/dev/null || skip "nmap is not installed: scripts/packages test"

network red 10.1.0.0/24 2001:db8:1::/64
port scanner red veth
port target red veth
port trusted red veth

# rule ID FAMILY PROTOCOL FIRST LAST [FIELDS]
rule() {
    echo "{\"id\": \"$1\", \"direction\": \"ingress\", \"ethertype\": \"$2\", \"protocol\": \"$3\", \"port_range_min\": $4," \
        "\"port_range_max\": $5${6:+, $6}}"
}

put secgroup "{\"id\": \"web\", \"topic\": \"t\", \"rules\": [$(rule http IPv4 tcp 80 80), $(rule https IPv4 tcp 443 443),
    $(rule range IPv4 tcp 8000 8002), $(rule http6 IPv6 tcp 80 80), $(rule dns IPv4 udp 53 53), $(rule ntp IPv4 udp 123 123),
    $(rule ssh IPv4 tcp 22 22 "\"remote_ip_prefix\": \"${ip4[trusted]}/32\"")]}"
put_port target '"vif_name": "target"' '"security_groups": ["web"]'
start_switch
plug scanner target trusted
lease scanner target trusted

# Everything answers on these; 8002 is open by the rule, and nobody is there.
listens="22 80 81 443 444 500 999 8000 8001 8003"
in_guest target python3 - "$listens" >listen.log 2>&1 <<'PYTHON' &
import select
import socket
import sys

listeners = [socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True) for port in sys.argv[1].split()]
echoes = []
for port in (53, 54):
    echoes.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    echoes[-1].bind(("", port))
while True:
    for ready in select.select(listeners + echoes, [], [])[0]:
        if ready in listeners:
            ready.accept()[0].close()
        else:
            data, sender = ready.recvfrom(2000)
            ready.sendto(b"here", sender)
PYTHON
until_true 5 "the target listens" eval "in_guest target ss -Hltn 'sport = :8003' | grep -q ."

# What really reaches the target, whatever nmap makes of it.
in_guest target tcpdump -Unli eth0 -w seen.pcap "src host ${ip4[scanner]} and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn" \
    2>tcpdump.err &
until_true 10 "tcpdump listens" grep -q 'listening on' tcpdump.err

reached() {
    tcpdump -nr seen.pcap 2>/dev/null | sed -n 's/.* > [0-9.]*\.\([0-9]*\): Flags.*/\1/p' | sort -nu | xargs
}

# On a busy machine the worker may wait for a core longer than nmap waits for an answer. Patience makes a scan slower; it
# cannot make it find more.
found_in=scan.txt # nmap's file
# scan FROM OPTIONS...: the ports that are in a state, as "80/open 8002/closed", sorted by number; filtered ones are not shown.
scan() {
    local from=$1
    shift
    in_guest "$from" nmap -n -Pn --initial-rtt-timeout 3s --min-rtt-timeout 3s --max-rtt-timeout 6s --max-retries 3 \
        --min-parallelism 1100 -oG "$found_in" "$@" >"$found_in.log" 2>&1 || fail "nmap: $(cat "$found_in.log")"
    sed -n 's/.*Ports: \([^\t]*\).*/\1/p' "$found_in" | tr ',' '\n' | sed 's/^ *//' | cut -d/ -f1,2 | sed '/filtered/d' | sort -n | xargs
}

wanted="80/open 443/open 8000/open 8001/open 8002/closed"
note "TCP, by SYN and by whole connections"
expect_equal "what a SYN scan finds" "$(scan scanner -sS -p 1-1024,7990-8010 "${ip4[target]}")" "$wanted"
expect_equal "what a connect scan finds" "$(scan scanner -sT -p 1-600,7990-8010 "${ip4[target]}")" "$wanted"

expect_equal "ports at which a SYN of the scanner came to the target" "$(reached)" "80 443 8000 8001 8002"

note "the one who is trusted finds one more"
expect_equal "what it finds" "$(scan trusted -sS -p 1-1024,7990-8010 "${ip4[target]}")" "22/open $wanted"

note "IPv6 has rules of its own"
expect_equal "what a SYN scan finds" "$(scan scanner -6 -sS -p 1-600,7990-8010 "${ip6[target]}")" "80/open"

note "UDP: an open port answers, a closed one is told by an ICMP error, of others nothing comes"
expect_equal "what a UDP scan finds" "$(scan scanner -sU -p 50-60,120-125 "${ip4[target]}")" "53/open 123/closed"

note "scans by flags find no more: nothing that is not a SYN gets to a port that is not open"
kinds=(-sF -sN -sX -sA)
scans=()
for kind in "${kinds[@]}"; do # at the same time: most of it is waiting for what does not come
    found_in=scan$kind.txt scan scanner "$kind" -p 20-30,81,443-445,7999-8003 "${ip4[target]}" >"found$kind.txt" &
    scans+=($!)
done
for scan in "${scans[@]}"; do
    wait "$scan"
done
for kind in "${kinds[@]}"; do
    for number in $(xargs -n1 <"found$kind.txt" | cut -d/ -f1); do
        case $number in
        443 | 8000 | 8001 | 8002) ;;
        *) fail "$kind found port $number" ;;
        esac
    done
done

expect_more "packets dropped as sg_ingress" "$(drops sg_ingress)" 1000
