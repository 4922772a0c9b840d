"""Guests with kernels of Debian's packages, under QEMU: what a package has, and one run of commands on it.

A package is downloaded (`apt-get download`), unpacked below the build directory, and never installed.  The guest's root
is the host's, so it runs the very programs that were built here; `init` says how.
"""

from __future__ import annotations

import gzip
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
LIMIT_SEC = 1800  # for what hangs: without KVM, on a machine that is busy, a guest is a hundred times slower than it
MEMORY = "1536"
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static", "depmod": "kmod", "dpkg-deb": "dpkg"}


class NoKernel(Exception):
    """Why there is no such guest here."""


@dataclass(frozen=True)
class Result:
    """What became of one command: None, if the guest ended before it did."""

    code: int | None
    output: str


def lacking() -> list[str]:
    """What the machine lacks for any guest."""
    found = [f"{name} (package {package})" for name, package in PROGRAMS.items() if shutil.which(name) is None]
    return found + ([] if platform.machine() == "x86_64" else ["an x86_64 machine"])


def _output(*argv: str, cwd: Path | None = None) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode != 0:
        raise NoKernel(f"{' '.join(argv)}: {done.stderr.strip()[-300:]}")
    return done.stdout


def _download(package: str, folder: Path) -> Path:
    """A package that may be one that only depends on the newest of its kind."""
    depends = re.search(r"Depends: (linux-image-\S+)", _output("apt-cache", "depends", package))
    name = depends[1] if depends else package
    if not list(folder.glob(f"{name}_*.deb")):
        _output("apt-get", "download", "-qq", name, cwd=folder)
    return next(folder.glob(f"{name}_*.deb"))


class Kernel:
    """One kernel, ready to be booted.  `package`: its name, or a file of that kind."""

    def __init__(self, package: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        archive = Path(package) if package.endswith(".deb") else _download(package, folder)
        self.folder = folder / archive.stem
        if not self.folder.exists():
            unpacked = folder / "unpacked"
            shutil.rmtree(unpacked, ignore_errors=True)
            _output("dpkg-deb", "-x", str(archive), str(unpacked))
            unpacked.rename(self.folder)
        self.image = next((self.folder / "boot").glob("vmlinuz-*"))
        self.version = self.image.name.removeprefix("vmlinuz-")
        base = self.folder if (self.folder / "lib").exists() else self.folder / "usr"
        self.modules = base / "lib" / "modules"
        _output("depmod", "-b", str(base), self.version)
        self._make_initramfs(base)

    def _make_initramfs(self, base: Path) -> None:
        root = self.folder / "initramfs"
        shutil.rmtree(root, ignore_errors=True)
        for name in ("bin", "dev", "host", "layer", "modules", "proc", "root"):
            (root / name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox") or "", root / "bin" / "busybox")
        shutil.copy(Path(__file__).with_name("init"), root / "init")
        order: list[str] = []
        for module in MODULES:
            shown = _output("modprobe", "-d", str(base), "-S", self.version, "--show-depends", module)
            for path in map(Path, re.findall(r"^insmod (\S+)", shown, re.M)):
                if path.name.removesuffix(".xz") not in order:
                    order.append(path.name.removesuffix(".xz"))
                    unpacked = _xz(path) if path.suffix == ".xz" else path.read_bytes()
                    (root / "modules" / order[-1]).write_bytes(unpacked)
        (root / "modules" / "order").write_text("".join(f"{name}\n" for name in order))
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        archive = subprocess.run(
            ["busybox", "cpio", "-o", "-H", "newc"], input=names.encode(), capture_output=True, check=True, cwd=root
        )
        self.initramfs = self.folder / "initramfs.gz"
        self.initramfs.write_bytes(gzip.compress(archive.stdout, 1))

    def run(self, commands: dict[str, str]) -> dict[str, Result]:
        """Boots, runs each shell command in turn, and ends."""
        script = self.folder / "run.sh"
        lines = ["echo"]  # behind what the firmware said
        lines += ["export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C", "ip link set lo up"]
        for name, command in commands.items():
            lines += [f"echo '== {name}'", f"( {command} ) 2>&1", f'echo "== {name}: $?"']
        script.write_text("\n".join([*lines, "busybox poweroff -f"]) + "\n")
        append = f"console=ttyS0 quiet loglevel=1 panic=-1 modules={self.modules} run={script}"
        argv = ["qemu-system-x86_64", "-accel", _accelerator(), "-cpu", "max", "-smp", "2", "-m", MEMORY]
        argv += ["-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio"]
        argv += ["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]
        argv += ["-kernel", str(self.image), "-initrd", str(self.initramfs), "-append", append]
        log = self.folder / "console.log"
        with log.open("wb") as console:
            try:
                subprocess.run(
                    argv, stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=LIMIT_SEC, check=False
                )
            except subprocess.TimeoutExpired:
                pass  # what did not end is missing, and fails
        said = log.read_text(errors="replace").replace("\r", "")
        return {name: _result(name, said) for name in commands}


def _result(name: str, said: str) -> Result:
    found = re.search(rf"^== {re.escape(name)}\n(.*?)^== {re.escape(name)}: (\d+)$", said, re.M | re.S)
    return Result(int(found[2]), found[1]) if found else Result(None, said[-3000:])


def _xz(path: Path) -> bytes:
    return subprocess.run(["xz", "-dc", str(path)], capture_output=True, check=True).stdout


def _accelerator() -> str:
    """/dev/kvm alone does not say that an ordinary kernel boots there.

    Without it all CPUs are one thread: 7.2 with a thread for each was seen to run kernel code that was being patched.
    """
    has_kvm = re.search(r"^flags\s*:.*\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text(), re.M)
    return "kvm" if has_kvm and Path("/dev/kvm").exists() else "tcg,thread=single"
