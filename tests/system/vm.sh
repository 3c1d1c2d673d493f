#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two virtual machines on vhost-user ports, one of which the switch connects to and one of which it listens for: they get
# leases with their own DHCP client, ping each other across the router, and ping on after the switch was killed and started
# again.

# Before lib.sh takes the network away that apt needs.
image=$(realpath -m "${DF_BUILD_ROOT:-${0%/*}/../../build}")/vm
if [ -z "${DF_TEST_INSIDE:-}" ]; then
    "${0%/*}/vm_image" "$image" || exit 1
fi
. "${0%/*}/lib.sh"

command -v qemu-system-x86_64 >/dev/null || fail "QEMU is missing: scripts/packages test"

declare -A qemu # the processes
declare -A vhost=(
    [vm1]='server=on,wait=off' # the switch is the client
    [vm2]='reconnect=1'        # the switch is the server
)

# start_vm NAME: its console is NAME.in and NAME.out, and all that it ever said NAME.console.
# vectors=0: QEMU 7.2 crashes with TCG and vhost-user otherwise, as TCG has no interrupts by file descriptor.
# maxcpus=2: the TCG of QEMU 7.2 leaves out the memory barriers of a guest that will never have a second processor, but
# another process reads and writes its rings.
# no_timer_check: a kernel that finds no ticks of its timer panics ("IO-APIC + timer doesn't work"); on a busy machine
# QEMU is only late with them.
start_vm() {
    local name=$1
    mkfifo "$name.in"
    : >"$name.out"
    qemu-system-x86_64 -accel tcg -cpu qemu64 -smp 1,maxcpus=2 -m 128 -nodefaults -no-reboot -display none \
        -object memory-backend-memfd,id=memory,size=128M,share=on -machine pc,memory-backend=memory \
        -chardev "socket,id=vhost,path=/run/df/$name.sock,${vhost[$name]}" \
        -netdev vhost-user,id=net,chardev=vhost -device "virtio-net-pci,netdev=net,mac=${mac[$name]},vectors=0" \
        -chardev "stdio,id=console,logfile=$name.console,logappend=on" -serial chardev:console \
        -kernel "$image/vmlinux" -initrd "$image/initramfs" \
        -append 'console=ttyS0 quiet panic=-1 no_timer_check' <"$name.in" >>"$name.out" 2>"$name.err" &
    qemu[$name]=$!
    eval "exec {console_of_$name}>$name.in"
}

is_ready() {
    kill -0 "${qemu[$1]}" 2>/dev/null || fail "$1 ended while it booted"
    grep -q READY "$1.out"
}

# booted NAME: waits until it takes commands, and brings its interface up.
booted() {
    until_true 120 "$1 has booted" is_ready "$1"
    in_vm "$1" ip link set eth0 up
}

# tell NAME COMMAND...: starts it in the machine
tell() {
    local name=$1 console=console_of_$1
    shift
    : >"$name.out"
    echo "$*" >&"${!console}"
}

is_done() {
    grep -q '^DONE ' "$1.out"
}

# answer NAME SECONDS: waits for what was told to end, and that it succeeded
answer() {
    until_true "$2" "$1 has done what it was told" is_done "$1"
    grep -q '^DONE 0' "$1.out" || fail "$1: $(cat "$1.out")"
}

in_vm() {
    tell "$@"
    answer "$1" 30
}

# lease_in_vm NAME: by the machine's own client. When there is none, the machine says what came in and whether it was told.
lease_in_vm() {
    in_vm "$1" "udhcpc -f -q -n -t 10 -T 1 -i eth0 -O staticroutes -O mtu -s /bin/udhcpc-lease" \
        "|| { cat /proc/net/dev /proc/interrupts; false; }"
}

received() {
    sed -n 's/.* \([0-9]*\) packets received.*/\1/p' "$1.out"
}

network red 10.1.0.0/24 2001:db8:1::/64
network blue 10.2.0.0/24 2001:db8:2::/64
router r red blue
port vm1 red vhostuser '"vif_name": "/run/df/vm1.sock", "vif_mode": "client"'
port vm2 blue vhostuser '"vif_name": "/run/df/vm2.sock", "vif_mode": "server"'
start_switch

note "two machines boot"
began=$SECONDS
start_vm vm1
start_vm vm2
booted vm1
booted vm2
served vm1
served vm2
echo "   after $((SECONDS - began)) s"

note "leases"
for vm in vm1 vm2; do
    lease_in_vm $vm
    in_vm $vm ip -4 addr show dev eth0
    grep -qF "inet ${ip4[$vm]}/24 " $vm.out || fail "$vm got another address than ${ip4[$vm]}: $(cat $vm.out)"
    in_vm $vm ip addr add "${ip6[$vm]}/64" dev eth0
    in_vm $vm ip -6 route add default via "${cidr6[${network_of[$vm]}]}::1"
done

note "across the router"
in_vm vm1 ping -c 3 -W 2 "${ip4[vm2]}"
in_vm vm2 ping -c 3 -W 2 "${ip4[vm1]}"
in_vm vm1 ping -6 -c 3 -W 2 "${ip6[vm2]}"

note "the switch is killed and started again while vm1 pings vm2"
tell vm1 ping -c 30 -i 0.5 -W 2 "${ip4[vm2]}"
until_true 10 "the first replies come" grep -q 'seq=3' vm1.out
kill_switch
start_switch
answer vm1 60
echo "   $(received vm1) of 30 came back"
expect_more "replies" "$(received vm1)" 9
served vm1
served vm2
in_vm vm1 ping -c 3 -W 2 "${ip4[vm2]}"
in_vm vm2 ping -6 -c 3 -W 2 "${ip6[vm1]}"

note "a machine is killed and booted again: the switch takes it back"
kill "${qemu[vm2]}"
until_true 10 "the switch sees that vm2 is gone" reports ports '.[] | select(.name == "vm2") | .attached == false'
rm vm2.in
start_vm vm2
booted vm2
served vm2
lease_in_vm vm2
in_vm vm2 ping -c 3 -W 2 "${ip4[vm1]}"
