// What the processor does with a result that is too small to be a normal number (underflow). IEEE 754 asks for a
// subnormal number, which processors of the x86 family compute with a helper program that takes some hundred cycles.
// They can be told to give zero instead: bit 15 of the register MXCSR, "flush to zero". What is read stays as it is.
//
// On other processors this does nothing: ARM's are as fast with subnormal numbers as with any others.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, section 10.2.3.

#if defined(__SSE__)
#include <xmmintrin.h>

// From now on this thread flushes such results to zero, or does not. Returns whether it did before.
static inline int processor_flush_underflow(int flush) {
  const unsigned int bit = 0x8000, before = _mm_getcsr();
  const unsigned int now = flush ? before | bit : before & ~bit;
  if (now != before) _mm_setcsr(now);
  return (before & bit) != 0;
}
#else
static inline int processor_flush_underflow(int flush) { return flush; }
#endif
