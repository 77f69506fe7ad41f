#include <stddef.h>
#include <cblas.h>

// LAPACK is part of OpenBLAS, but Debian's package brings no header for it. These are the two routines
// that are used, as LAPACK's manual declares them; the last argument is Fortran's hidden length of a string.

void sgesdd_(
    const char *jobz, const int *m, const int *n, float *a, const int *lda, float *s, float *u, const int *ldu,
    float *vt, const int *ldvt, float *work, const int *lwork, int *iwork, int *info, size_t jobz_length);
void dgesdd_(
    const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u, const int *ldu,
    double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info, size_t jobz_length);
