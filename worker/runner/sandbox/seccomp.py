"""A seccomp filter, assembled by hand: system calls that no engine needs fail with EPERM.

The order of checks: architecture, then the calls that are judged by an argument, then the list.
docs: man 2 seccomp; linux/bpf_common.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

from worker.runner.sandbox.limits import libc

SET_MODE_FILTER, FLAG_TSYNC, GET_ACTION_AVAIL = 1, 1, 2
LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
CLONE_THREAD = 0x00010000
X32 = 0x40000000

# name: (x86_64, aarch64); None where an architecture has no such call.
DENIED: dict[str, tuple[int | None, int | None]] = {
    # network, and sockets of any kind
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206),
    "sendmsg": (46, 211), "sendmmsg": (307, 269),
    # other programs, other processes
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "setpgid": (109, 154), "setsid": (112, 157),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    # metadata of files: Landlock does not see it
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "truncate": (76, 45),
    "file_setattr": (469, 469),
    # the kernel's wider doors
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "fanotify_init": (300, 262),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "syslog": (103, 116), "quotactl": (179, 60), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "sethostname": (170, 161), "setdomainname": (171, 162),
    "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "personality": (135, 92), "vhangup": (153, 58),
}  # fmt: skip
CLONE, CLONE3, TGKILL, PRLIMIT64 = (56, 220), (435, 435), (234, 131), (302, 261)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def available() -> bool:
    """Whether the kernel takes filters, and this architecture has one."""
    action = ctypes.c_uint32(ERRNO)
    known = sys.platform == "linux" and platform.machine() in MACHINES
    return known and _seccomp(GET_ACTION_AVAIL, 0, ctypes.byref(action)) == 0


def restrict() -> None:
    """Filter the system calls of every thread of this process, for good. Raises: OSError."""
    code = assemble(platform.machine(), os.getpid())
    program = _Program(len(code) // 8, code)
    if _seccomp(SET_MODE_FILTER, FLAG_TSYNC, ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def assemble(machine: str, pid: int) -> bytes:
    """The filter's instructions, 8 bytes each."""
    column, architecture = MACHINES[machine]
    deny = _op(RETURN, ERRNO | errno.EPERM)
    allow = _op(RETURN, ALLOW)
    code = [
        _op(LOAD, ARCHITECTURE),
        _op(JUMP_EQUAL, architecture, 1, 0),
        deny,
        _op(LOAD, NUMBER),
    ]
    if machine == "x86_64":
        code += [_op(JUMP_GREATER_EQUAL, X32, 0, 1), deny]
    # Only threads: glibc falls back from clone3, whose flags lie in memory, to clone.
    code += [_op(JUMP_EQUAL, CLONE3[column], 0, 1), _op(RETURN, ERRNO | errno.ENOSYS)]
    code += [
        _op(JUMP_EQUAL, CLONE[column], 0, 4),
        _op(LOAD, FIRST_ARGUMENT),
        _op(JUMP_SET, CLONE_THREAD, 0, 1),
        allow,
        deny,
    ]
    for number, targets in ((TGKILL[column], (pid,)), (PRLIMIT64[column], (0, pid))):
        code += _only_first_argument(number, targets, allow, deny)
    for numbers in DENIED.values():
        if (denied := numbers[column]) is not None:
            code += [_op(JUMP_EQUAL, denied, 0, 1), deny]
    return b"".join([*code, allow])


def _only_first_argument(
    number: int, targets: tuple[int, ...], allow: bytes, deny: bytes
) -> list[bytes]:
    checks: list[bytes] = []
    for target in targets:
        checks += [_op(JUMP_EQUAL, target, 0, 1), allow]
    body = [_op(LOAD, FIRST_ARGUMENT), *checks, deny]
    return [_op(JUMP_EQUAL, number, 0, len(body)), *body]


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _seccomp(operation: int, flags: int, argument: object) -> int:
    number = {"x86_64": 317, "aarch64": 277}.get(platform.machine())
    if number is None:
        return -1
    return int(libc.syscall(number, operation, flags, argument))
