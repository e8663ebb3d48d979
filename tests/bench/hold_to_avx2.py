"""A copy of ONNX Runtime that sees a processor without AVX-512 and VNNI, which it has no setting for.

    python -m tests.bench.hold_to_avx2 FOLDER
    PYTHONPATH=FOLDER LD_PRELOAD=FOLDER/mask.so RUNTIME_KERNELS=avx2 ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 \\
        python -m tests.bench.int8_models ...

In the copy every CPUID instruction is one that does not exist, of the same length; what is loaded before it answers in
its place, with those features left out. The product that all get wrong with saturating instructions shows that it works.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CPUID, MISSING = b"\x0f\xa2", b"\x0f\x0b"
MASK = r"""
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

static void answer(int signal, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *at = (const unsigned char *)r[REG_RIP];
    if (at[0] != 0x0f || at[1] != 0x0b) {
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigaction(SIGILL, &plain, 0);
        return;
    }
    unsigned leaf = r[REG_RAX], part = r[REG_RCX], a, b, c, d;
    __cpuid_count(leaf, part, a, b, c, d);
    if (leaf == 7 && part == 0) {
        b &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31);
        c &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);
        d &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25);
    }
    if (leaf == 7 && part == 1) a &= ~(1u << 4 | 1u << 5 | 1u << 23), d &= ~(1u << 4 | 1u << 5 | 1u << 10 | 1u << 19);
    r[REG_RAX] = a; r[REG_RBX] = b; r[REG_RCX] = c; r[REG_RDX] = d;
    r[REG_RIP] += 2;
}

__attribute__((constructor)) static void listen(void) {
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, 0);
}
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(argv).folder
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        print("onnxruntime is not installed", file=sys.stderr)
        return 2
    shutil.copytree(Path(spec.origin).parent, folder / "onnxruntime", dirs_exist_ok=True)
    for library in sorted(folder.glob("onnxruntime/capi/*.so*")):
        print(f"{library}: {hide_cpuid(library)} instructions")
    (folder / "mask.c").write_text(MASK)
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", folder / "mask.c", "-o", folder / "mask.so"], check=True)
    return 0


def hide_cpuid(library: Path) -> int:
    """How many instructions were replaced; where a disassembler finds them, as the two bytes occur elsewhere too."""
    shown = subprocess.run(["objdump", "-d", "-F", library], check=True, capture_output=True, text=True).stdout
    code = bytearray(library.read_bytes())
    shift, places = 0, []
    for line in shown.splitlines():
        if symbol := re.match(r"([0-9a-f]+) <.*\(File Offset: 0x([0-9a-f]+)\)", line):
            shift = int(symbol[2], 16) - int(symbol[1], 16)
        elif instruction := re.match(r"\s*([0-9a-f]+):\s+0f a2\s+cpuid", line):
            places.append(int(instruction[1], 16) + shift)
    for place in places:
        assert code[place : place + 2] == CPUID
        code[place : place + 2] = MISSING
    library.write_bytes(code)
    return len(places)


if __name__ == "__main__":
    sys.exit(main())
