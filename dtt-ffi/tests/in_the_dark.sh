#!/usr/bin/env bash
# Runs a program in a network namespace that it can make dark by the command it is given: what is sent goes out, and nothing
# comes in. There is a route to everywhere, and a name server that will never answer. Needs root, iproute2 and nftables.
#
# usage: in_the_dark.sh PROGRAM
set -eu
[ "${2-}" = inside ] || exec unshare --net --mount "$0" "$1" inside
ip link set lo up
# The other end of the pair gets every packet, is not meant, and says nothing.
ip link add dark type veth peer name away
ip addr add 10.99.0.1/24 dev dark
ip link set dark up
ip link set away up
ip route add default via 10.99.0.2
for gone in 2 53; do ip neigh add "10.99.0.$gone" lladdr "02:00:00:00:00:$gone" dev dark; done
names=$(mktemp)
echo "nameserver 10.99.0.53" >"$names"
mount --bind "$names" /etc/resolv.conf
rm "$names"
exec "$1" 'nft "add table inet dark; add chain inet dark in { type filter hook input priority 0; policy drop; }"'
