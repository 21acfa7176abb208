/*
** pass.h - the kernels of one level: included for each by kernels.c, which says
** what the level has.
*/
#include "kernels/lanes.h"
#include "kernels/cells.h"
#ifndef RNLI_INFER
#include "kernels/cells_back.h"
#endif

static const rnli_Cells level_cells = {
  .forward = {[RNLI_ELMAN] = elman_forward, [RNLI_LSTM] = lstm_forward,
              [RNLI_CIFG] = lstm_forward, [RNLI_GRU] = gru_forward,
              [RNLI_GRU_BEFORE] = gru_before_forward},
  .output = lstm_output, .reset = gru_reset,
#ifndef RNLI_INFER
  .backward = {[RNLI_ELMAN] = elman_backward, [RNLI_LSTM] = lstm_backward,
               [RNLI_CIFG] = lstm_backward, [RNLI_GRU] = gru_backward,
               [RNLI_GRU_BEFORE] = gru_before_backward},
  .advance = lstm_advance, .output_back = lstm_output_back,
  .reset_back = gru_reset_back
#endif
};

#define RNLI_PACK
#define RNLI_FACTOR real
#define RNLI_TILE real
#include "kernels/product.h"
#undef RNLI_TILE
#undef RNLI_FACTOR

#ifdef RNLI_NARROW

#define RNLI_FACTOR bf16
#define RNLI_TILE bf16
#define RNLI_BF16
#include "kernels/product.h"
#undef RNLI_BF16
#undef RNLI_TILE
#undef RNLI_FACTOR

#define RNLI_FACTOR int8
#define RNLI_TILE int8
#include "kernels/int8.h"
#undef RNLI_TILE
#undef RNLI_FACTOR

#endif
#undef RNLI_PACK
