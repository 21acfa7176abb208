/*
** draw.h - an id by the probabilities of its scores.
*/
#ifndef RNLI_DRAW_H
#define RNLI_DRAW_H

#include "core/core.h"

/*
** One of n ids, drawn by softmax(logits / temperature) with one number of
** 'rng'; at temperature 0 the likeliest, without. 'work' has room for n.
** The same bits on every machine.
*/
int32_t rnli_draw (const float *logits, int n, double temperature,
                   rnl_Rng *rng, float *work);

#endif
