// # The one file that includes gnuplot-iostream
//
// Each C function runs its C++ in `guarded`, which turns an exception into a message: none may reach Swift. The
// stream is told to throw when a write fails, or a full disk would look like success.

#include "CGnuplot.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <locale>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gnuplot-iostream.h>

struct cgnuplot_script {
  explicit cgnuplot_script(const std::string &path) : gnuplot(">" + path) {
    gnuplot.imbue(std::locale::classic());
    // The constructor asks for 18 digits in scientific notation: 0.5 becomes 5.000000000000000000e-01.
    gnuplot.unsetf(std::ios::floatfield);
    gnuplot.precision(7);
    gnuplot.exceptions(std::ios::badbit | std::ios::failbit);
  }

  Gnuplot gnuplot;
};

namespace {

char *copied(const char *text) {
  char *copy = strdup(text);
  if (copy == nullptr) std::abort();
  return copy;
}

template <typename Work>
char *guarded(Work work) {
  try {
    work();
    return nullptr;
  } catch (const std::exception &error) {
    return copied(error.what());
  } catch (...) {
    return copied("an exception that is not a std::exception");
  }
}

}  // namespace

cgnuplot_script *cgnuplot_open(const char *path, char **message) {
  cgnuplot_script *script = nullptr;
  *message = guarded([&] { script = new cgnuplot_script(path); });
  return script;
}

char *cgnuplot_text(cgnuplot_script *script, const char *text) {
  return guarded([&] { script->gnuplot << text; });
}

// send2d wants a container of blocks of rows of numbers; the copy costs less than the printing.
char *cgnuplot_data(cgnuplot_script *script, const char *name, const double *values, size_t columns,
                    const size_t *rows, size_t blocks) {
  return guarded([&] {
    std::vector<std::vector<std::vector<double>>> nested(blocks);
    const double *next = values;
    for (size_t block = 0; block < blocks; ++block) {
      for (size_t row = 0; row < rows[block]; ++row, next += columns) {
        nested[block].emplace_back(next, next + columns);
      }
    }
    script->gnuplot << '$' << name << " << e\n";
    script->gnuplot.send2d(nested);
  });
}

// The destructor of Gnuplot flushes too, and an exception there would end the process: from here on the stream only
// records that a write failed.
char *cgnuplot_close(cgnuplot_script *script) {
  std::unique_ptr<cgnuplot_script> owner(script);
  return guarded([&] {
    script->gnuplot.exceptions(std::ios::goodbit);
    script->gnuplot.flush();
    if (!script->gnuplot.good()) throw std::runtime_error("the file is incomplete");
  });
}
