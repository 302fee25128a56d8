#!/bin/sh
# The emulated machine's first program. The kernel's command line gives SETS (modules to load) and FOLDER (where to begin).
# It puts this computer's files under a layer in memory, so that nothing in there can change them, and runs /out/command.
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
[ -z "$PROBE" ] || echo b > /proc/sysrq-trigger # only whether it starts
load() {
    while read -r name; do
        [ -d "/sys/module/$name" ] || insmod "/modules/$name.ko" || echo "machine: module $name was refused"
    done < "/sets/$1"
}
load base
share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2" || echo "machine: $1 cannot be mounted"; }
share host /host ro,cache=loose
mount -t tmpfs -o size=75% tmpfs /new; mkdir /new/upper /new/work /new/root
mount -t overlay -o lowerdir=/host,upperdir=/new/upper,workdir=/new/work overlay /new/root
root=/new/root
mkdir -p $root/out
share out $root/out cache=none
for name in $SETS; do load "$name"; done
for name in proc sys dev; do mount --move /$name $root/$name; done
mkdir -p $root/dev/shm $root/dev/pts
for name in dev/shm run; do mount -t tmpfs tmpfs $root/$name; done
mount -t devpts devpts $root/dev/pts; mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t securityfs securityfs $root/sys/kernel/security
ip link set lo up
exec switch_root $root /bin/sh /out/start
