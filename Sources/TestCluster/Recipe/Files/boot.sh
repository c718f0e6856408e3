#!/bin/sh
# A machine of the recipe's room, from power on to power off: it mounts its disk, starts its services, and waits.
# SIGTERM stops the machine in good order; all other processes end with this one. Written by zweimaster.
#
#   boot.sh DISK NAME STARTED STOPPED     the box's directory that is the disk, and services in their order
set -eu
hostname "$2"
started=$3
stopped=$4
mkdir -p "$1/.work"
# The machine must not find the box's services.
disk=$(mktemp -d)
mount --bind "$1" "$disk"
mount -t tmpfs tmpfs /run
mkdir -p /run/disk /run/lock/subsys
mount --move "$disk" /run/disk
rmdir "$disk"
# The box's directories, with this machine's files over them. The hidden ones have this machine's files alone:
# the box may itself be part of a cluster.
hidden="etc/kubernetes etc/elector srv/kubernetes var/lib/fake-kubelet"
for directory in $hidden; do
  mkdir -p /run/disk/$directory
done
for directory in etc srv usr/local var; do
  mkdir -p /run/disk/$directory /run/disk/.work/$directory
  mount -t overlay overlay \
    -o lowerdir=/$directory,upperdir=/run/disk/$directory,workdir=/run/disk/.work/$directory /$directory
done
for directory in $hidden; do
  mount --bind /run/disk/$directory /$directory
done
set +e

stop() {
  for service in $stopped; do /etc/init.d/$service stop; done
  exit 0
}
trap stop TERM
for service in $started; do /etc/init.d/$service start; done
# The first process reaps orphans.
while :; do
  sleep 3600 &
  wait $!
done
