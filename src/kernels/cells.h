/*
** cells.h - what cells.c has for the table of product.c, of the same level
** (avx512 for its bf16 variant).
*/
#ifndef RNLI_CELLS_H
#define RNLI_CELLS_H

#include "kernels/lanes.h"

#ifdef RNLI_F64
#define RNLI_CELL_(name) RNLI_JOIN(name, RNLI_CELLS, f64)
#else
#define RNLI_CELL_(name) RNLI_JOIN(name, RNLI_CELLS, f32)
#endif
#define RNLI_CELL(name) RNLI_CELL_(rnli_##name)

void RNLI_CELL(lstm_forward) (const rnli_Cell *c);
void RNLI_CELL(lstm_advance) (const rnli_Cell *c);
void RNLI_CELL(lstm_backward) (const rnli_Cell *c);
void RNLI_CELL(lstm_output) (const rnli_Cell *c);
void RNLI_CELL(lstm_output_back) (const rnli_Cell *c);
void RNLI_CELL(gru_forward) (const rnli_Cell *c);
void RNLI_CELL(gru_backward) (const rnli_Cell *c);
void RNLI_CELL(gru_reset) (const rnli_Cell *c);
void RNLI_CELL(gru_reset_back) (const rnli_Cell *c);
void RNLI_CELL(gru_before_forward) (const rnli_Cell *c);
void RNLI_CELL(gru_before_backward) (const rnli_Cell *c);
void RNLI_CELL(elman_forward) (const rnli_Cell *c);
void RNLI_CELL(elman_backward) (const rnli_Cell *c);

/* The rows of a table for them. */
#define RNLI_CELL_ROWS \
  .forward = {[RNLI_ELMAN] = RNLI_CELL(elman_forward), \
              [RNLI_LSTM] = RNLI_CELL(lstm_forward), \
              [RNLI_CIFG] = RNLI_CELL(lstm_forward), \
              [RNLI_GRU] = RNLI_CELL(gru_forward), \
              [RNLI_GRU_BEFORE] = RNLI_CELL(gru_before_forward)}, \
  .backward = {[RNLI_ELMAN] = RNLI_CELL(elman_backward), \
               [RNLI_LSTM] = RNLI_CELL(lstm_backward), \
               [RNLI_CIFG] = RNLI_CELL(lstm_backward), \
               [RNLI_GRU] = RNLI_CELL(gru_backward), \
               [RNLI_GRU_BEFORE] = RNLI_CELL(gru_before_backward)}, \
  .advance = RNLI_CELL(lstm_advance), .output = RNLI_CELL(lstm_output), \
  .output_back = RNLI_CELL(lstm_output_back), \
  .reset = RNLI_CELL(gru_reset), .reset_back = RNLI_CELL(gru_reset_back),

#endif
