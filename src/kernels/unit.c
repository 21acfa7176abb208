/*
** unit.c - the cells there are. Built once.
*/
#include "kernels/unit.h"

/*
** The gradient of a GRU's n differs before its two products; a panel holds
** n r z for the input's and, from its second vector on, r z n for the other.
*/
const rnli_Unit rnli_unit[RNLI_NUNIT] = {
  [RNLI_ELMAN] = {.gates = 1, .groups = RNLI_VECS, .vecs = RNLI_VECS},
  [RNLI_LSTM] = {.gates = 4, .groups = 1, .vecs = 4, .cells = 1, .keeps = 1,
                 .x = {0, 1, 2, 3}, .h = {0, 1, 2, 3},
                 .dx = {0, 1, 2, 3}, .dh = {0, 1, 2, 3}},
  [RNLI_GRU] = {.gates = 3, .groups = 1, .vecs = 3, .split = 1, .keeps = 1,
                .x = {0, 1, 2}, .h = {0, 1, 2},
                .dx = {2, 0, 1}, .dh = {0, 1, 2}, .dh_from = 1},
};
