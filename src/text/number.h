/*
** number.h - reading decimal numbers.
*/
#ifndef RNLI_NUMBER_H
#define RNLI_NUMBER_H

#include <locale.h>

/*
** The decimal number that the text at 's', which ends in a NUL, begins with:
** digits that may have a sign, a point and an exponent. The double nearest to
** it goes to '*x': an infinite one when it is too large. 'c' is the locale "C".
** Returns where the number ends, NULL when there is none.
*/
const char *rnli_number (const char *s, locale_t c, double *x);

#endif
