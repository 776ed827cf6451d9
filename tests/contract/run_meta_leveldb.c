/*
 * The suite over LevelDB, with a write buffer so small that tables are made all the time.
 */
#include "tests/contract/meta_suite.h"

const struct meta_factory meta_factory = { "leveldb", "write_buffer=64KiB cache=1MiB", true };
