// How the inner loops of AVX2 are written that need all sixteen registers: as instructions. Left to itself, the compiler
// moves sums between registers and memory.
#pragma once

// clang-format off
// An instruction, and one whose operands are registers by number: the last is where the result goes.
#define RK_DO(text) text "\n\t"
#define RK_ON(name, a, b, to) name " %%ymm" #a ", %%ymm" #b ", %%ymm" #to "\n\t"
#define RK_ALL_REGISTERS \
    "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", \
        "ymm13", "ymm14", "ymm15"
// clang-format on
