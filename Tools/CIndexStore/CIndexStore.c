/* The functions of libIndexStore that are needed, by name; their types are those of LLVM's indexstore.h. */

#define _GNU_SOURCE
#include "CIndexStore.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *data;
  size_t length;
} text;

static struct {
  void *(*store_create)(const char *, void **);
  void (*store_dispose)(void *);
  bool (*units_apply)(void *, unsigned, void *, bool (*)(void *, text));
  void *(*unit_create)(void *, const char *, void **);
  void (*unit_dispose)(void *);
  bool (*unit_is_system)(void *);
  text (*unit_main_file)(void *);
  bool (*dependencies_apply)(void *, void *, bool (*)(void *, void *));
  int (*dependency_kind)(void *);
  text (*dependency_name)(void *);
  text (*dependency_file)(void *);
  void *(*record_create)(void *, const char *, void **);
  void (*record_dispose)(void *);
  bool (*occurrences_apply)(void *, void *, bool (*)(void *, void *));
  void *(*occurrence_symbol)(void *);
  uint64_t (*occurrence_roles)(void *);
  void (*occurrence_place)(void *, unsigned *, unsigned *);
  text (*symbol_usr)(void *);
  text (*symbol_name)(void *);
  const char *(*error_description)(void *);
} index_store;

static const struct {
  const char *name;
  void *function;
} functions[] = {
    {"indexstore_store_create", &index_store.store_create},
    {"indexstore_store_dispose", &index_store.store_dispose},
    {"indexstore_store_units_apply_f", &index_store.units_apply},
    {"indexstore_unit_reader_create", &index_store.unit_create},
    {"indexstore_unit_reader_dispose", &index_store.unit_dispose},
    {"indexstore_unit_reader_is_system_unit", &index_store.unit_is_system},
    {"indexstore_unit_reader_get_main_file", &index_store.unit_main_file},
    {"indexstore_unit_reader_dependencies_apply_f", &index_store.dependencies_apply},
    {"indexstore_unit_dependency_get_kind", &index_store.dependency_kind},
    {"indexstore_unit_dependency_get_name", &index_store.dependency_name},
    {"indexstore_unit_dependency_get_filepath", &index_store.dependency_file},
    {"indexstore_record_reader_create", &index_store.record_create},
    {"indexstore_record_reader_dispose", &index_store.record_dispose},
    {"indexstore_record_reader_occurrences_apply_f", &index_store.occurrences_apply},
    {"indexstore_occurrence_get_symbol", &index_store.occurrence_symbol},
    {"indexstore_occurrence_get_roles", &index_store.occurrence_roles},
    {"indexstore_occurrence_get_line_col", &index_store.occurrence_place},
    {"indexstore_symbol_get_usr", &index_store.symbol_usr},
    {"indexstore_symbol_get_name", &index_store.symbol_name},
    {"indexstore_error_get_description", &index_store.error_description},
};

enum { dependency_is_record = 2 };
enum { role_declaration = 1 << 0, role_definition = 1 << 1, role_implicit = 1 << 8 };

typedef struct {
  void *store;
  const char *folder;
  cindexstore_visit visit;
  void *context;
  char *file;
} walk;

static char *copied(text from) { return strndup(from.data ? from.data : "", from.length); }

static bool visit_occurrence(void *context, void *occurrence) {
  walk *here = context;
  uint64_t roles = index_store.occurrence_roles(occurrence);
  if (roles & role_implicit) return true;
  unsigned line = 0, column = 0;
  index_store.occurrence_place(occurrence, &line, &column);
  void *symbol = index_store.occurrence_symbol(occurrence);
  char *usr = copied(index_store.symbol_usr(symbol)), *name = copied(index_store.symbol_name(symbol));
  here->visit(here->context, here->file, line, column, usr, name, roles & (role_declaration | role_definition));
  free(usr);
  free(name);
  return true;
}

static bool visit_dependency(void *context, void *dependency) {
  walk *here = context;
  if (index_store.dependency_kind(dependency) != dependency_is_record) return true;
  char *file = copied(index_store.dependency_file(dependency));
  size_t length = strlen(here->folder);
  if (!strncmp(file, here->folder, length) && file[length] == '/') {
    char *name = copied(index_store.dependency_name(dependency));
    void *error = NULL, *reader = index_store.record_create(here->store, name, &error);
    if (reader) {
      here->file = file;
      index_store.occurrences_apply(reader, here, visit_occurrence);
      index_store.record_dispose(reader);
    }
    free(name);
  }
  free(file);
  return true;
}

static bool visit_unit(void *context, text name) {
  walk *here = context;
  char *unit = copied(name);
  void *error = NULL, *reader = index_store.unit_create(here->store, unit, &error);
  free(unit);
  if (!reader) return true;
  if (!index_store.unit_is_system(reader)) index_store.dependencies_apply(reader, here, visit_dependency);
  index_store.unit_dispose(reader);
  return true;
}

char *cindexstore_each(const char *library, const char *store, const char *folder, cindexstore_visit visit,
                       void *context) {
  char *message = NULL;
  void *opened = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!opened) return strdup(dlerror());
  for (size_t i = 0; i < sizeof functions / sizeof *functions; ++i) {
    void *found = dlsym(opened, functions[i].name);
    if (!found) {
      if (asprintf(&message, "%s has no function %s", library, functions[i].name) < 0) abort();
      return message;
    }
    memcpy(functions[i].function, &found, sizeof found);
  }
  void *error = NULL;
  walk here = {.folder = folder, .visit = visit, .context = context};
  here.store = index_store.store_create(store, &error);
  if (!here.store) return strdup(error ? index_store.error_description(error) : "the index cannot be opened");
  index_store.units_apply(here.store, 0, &here, visit_unit);
  index_store.store_dispose(here.store);
  return NULL;
}
