/*
** topk.h - the largest of some numbers.
*/
#ifndef RNLI_TOPK_H
#define RNLI_TOPK_H

#include <stdint.h>

/*
** Places of the k <= n largest numbers, the largest first, of equals the first;
** none is NaN. The time has a bound of n log k.
*/
void rnli_topk (const float *x, int n, int k, int32_t *place);

#endif
