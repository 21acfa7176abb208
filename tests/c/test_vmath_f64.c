/*
** test_vmath_f64.c - test_vmath.c in double.
*/
#define RNLI_F64
#include "test_vmath.c"
