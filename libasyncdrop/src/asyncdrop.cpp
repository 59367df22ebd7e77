// What asyncdrop::compiled compiles.
#include <asyncdrop/impl/src.hpp>
