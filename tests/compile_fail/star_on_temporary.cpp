// expect: deleted (function|member function|operator)
#include "file.hpp"

int read() {
#ifdef MISTAKE
    return (*open_file()).read();
#else
    auto file = open_file();
    return (*file).read();
#endif
}
