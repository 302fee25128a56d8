"""Numbers of system calls, name=x86-64/aarch64, made from the kernel's own headers.

Those are asm/unistd_64.h and asm-generic/unistd.h: a second source, which the tests compare with the product's table.
"""

_TEXT = """
recvfrom=45/207 recvmsg=47/212 sendto=44/206 sendmsg=46/211 getsockname=51/204 getpeername=52/205 getsockopt=55/209
epoll_wait=232/- epoll_pwait=281/22 epoll_ctl=233/21 poll=7/- ppoll=271/73 ioctl=16/29 close=3/57 mmap=9/222
munmap=11/215 mremap=25/216 madvise=28/233 mprotect=10/226 brk=12/214 clock_gettime=228/113 gettimeofday=96/169
clock_nanosleep=230/115 nanosleep=35/101 futex=202/98 rt_sigreturn=15/139 rt_sigaction=13/134
rt_sigprocmask=14/135 exit=60/93 exit_group=231/94 getrandom=318/278 restart_syscall=219/128 sched_yield=24/124
prctl=157/167 newfstatat=262/79 fstat=5/80 sysinfo=99/179 shutdown=48/210 open=2/- openat=257/56 openat2=437/437
creat=85/- open_by_handle_at=304/265 name_to_handle_at=303/- read=0/63 pread64=17/67 readv=19/65 write=1/64
pwrite64=18/68 writev=20/66 pwritev=296/70 pwritev2=328/287 sendfile=40/71 splice=275/76 tee=276/77
vmsplice=278/75 copy_file_range=326/285 fallocate=285/47 ftruncate=77/46 truncate=76/45 fsync=74/82
socket=41/198 socketpair=53/199 connect=42/203 bind=49/200 listen=50/201 accept=43/202 accept4=288/242
setsockopt=54/208 sendmmsg=307/269 recvmmsg=299/243 fork=57/- vfork=58/- clone=56/220 clone3=435/435
execve=59/221 execveat=322/281 kill=62/129 tgkill=234/131 pidfd_open=434/434 pidfd_send_signal=424/424
pidfd_getfd=438/438 ptrace=101/117 process_vm_readv=310/270 process_vm_writev=311/271 kcmp=312/272
process_madvise=440/440 wait4=61/260 memfd_create=319/279 memfd_secret=447/447 pkey_mprotect=329/288
shmget=29/194 shmat=30/196 semget=64/190 msgget=68/186 mq_open=240/180 remap_file_pages=216/234
userfaultfd=323/282 munlockall=152/231 mlockall=151/230 dup=32/23 dup2=33/- dup3=292/24 fcntl=72/25 pipe=22/-
pipe2=293/59 eventfd2=290/19 timerfd_create=283/85 signalfd4=289/74 epoll_create1=291/20 inotify_init1=294/26
fanotify_init=300/262 perf_event_open=298/241 bpf=321/280 io_uring_setup=425/425 io_uring_enter=426/426
io_uring_register=427/427 fsopen=430/430 landlock_create_ruleset=444/444 landlock_restrict_self=446/446
mkdir=83/- mkdirat=258/34 mknodat=259/33 linkat=265/37 symlinkat=266/36 renameat2=316/276 rename=82/-
unlink=87/- unlinkat=263/35 fchmodat=268/53 fchownat=260/54 setxattr=188/5 fsetxattr=190/7 removexattr=197/14
utimensat=280/88 chdir=80/49 chroot=161/51 mount=165/40 umount2=166/39 swapon=167/224 statx=332/291 stat=4/-
access=21/- readlinkat=267/78 getcwd=79/17 getdents64=217/61 seccomp=317/277 setrlimit=160/164 prlimit64=302/261
setuid=105/146 capset=126/91 unshare=272/97 setns=308/268 personality=135/92 arch_prctl=158/- add_key=248/217
keyctl=250/219 init_module=175/105 finit_module=313/273 reboot=169/142 syslog=103/116 setpriority=141/140
sched_setaffinity=203/122 getpid=39/172 gettid=186/178
lsetxattr=189/6 lremovexattr=198/15 fremovexattr=199/16 chmod=90/- fchmod=91/52 chown=92/- fchown=93/55 lchown=94/-
utime=132/- utimes=235/- futimesat=261/- request_key=249/218 pivot_root=155/41 open_tree=428/428 move_mount=429/429
fsconfig=431/431 fsmount=432/432 fspick=433/433 mount_setattr=442/442 delete_module=176/106 kexec_load=246/104
kexec_file_load=320/294 swapoff=168/225 acct=163/89 quotactl=179/60 fchmodat2=452/452 setxattrat=463/463
removexattrat=466/466 file_setattr=469/469
shmctl=31/195 semop=65/193 semctl=66/191 semtimedop=220/192 msgsnd=69/189 msgrcv=70/188 msgctl=71/187
mq_unlink=241/181 setpgid=109/154 setsid=112/157
"""


def _numbers() -> "dict[str, dict[str, int]]":
    table: dict[str, dict[str, int]] = {"x86_64": {}, "aarch64": {}}
    for word in _TEXT.split():
        name, _, pair = word.partition("=")
        for machine, number in zip(table, pair.split("/")):
            if number != "-":
                table[machine][name] = int(number)
    return table


NUMBERS = _numbers()  # machine -> name -> number
