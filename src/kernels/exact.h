/*
** exact.h - arithmetic as it is written, whatever the compiler was told: no
** product and sum become one that rounds once. Comes before all functions of a
** translation unit that is compiled without options of ours.
*/
#ifndef RNLI_EXACT_H
#define RNLI_EXACT_H

#ifdef __FAST_MATH__
#error "results need IEEE arithmetic: compile without -ffast-math"
#endif

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize ("fp-contract=off")
#endif

#endif
