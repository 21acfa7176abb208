/*
** unit.c - the cells there are. Built once.
*/
#include "kernels/unit.h"

#define ALL_FOUR {.vecs = 4, .gate = {0, 1, 2, 3}, .dgate = {0, 1, 2, 3}}
#define ALL_THREE {.vecs = 3, .gate = {0, 1, 2}, .dgate = {0, 1, 2}}

/*
** The gradient of a GRU's n differs before its two products; a panel holds
** n r z for the input's and, from its second vector on, r z n for the other.
** With its reset before the product, n has a recurrent product of its own.
*/
const rnli_Unit rnli_unit[RNLI_NUNIT] = {
  [RNLI_ELMAN] = {.gates = 1, .groups = RNLI_VECS,
                  .x = {.vecs = RNLI_VECS}, .h = {.vecs = RNLI_VECS}},
  [RNLI_LSTM] = {.gates = 4, .groups = 1, .cells = 1, .keeps = 1,
                 .x = ALL_FOUR, .h = ALL_FOUR},
  [RNLI_CIFG] = {.gates = 3, .groups = 1, .cells = 1, .keeps = 1,
                 .x = ALL_THREE, .h = ALL_THREE},
  [RNLI_GRU] = {.gates = 3, .groups = 1, .split = 1, .keeps = 1,
                .x = {3, {0, 1, 2}, {2, 0, 1}, 0},
                .h = {3, {0, 1, 2}, {0, 1, 2}, 1}},
  [RNLI_GRU_BEFORE] = {.gates = 3, .groups = 1, .keeps = 1,
                       .x = ALL_THREE, .h = {2, {0, 1}, {0, 1}, 0},
                       .inner = {1, {2}, {2}, 2}},
};
