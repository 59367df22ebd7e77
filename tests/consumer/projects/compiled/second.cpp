// A second file that includes everything: nothing is defined twice.
#include <asyncdrop/asyncdrop.hpp>
#include <asyncdrop/teardown_export.hpp>

#include "second.hpp"

std::string report_as_json() {
    return asyncdrop::to_json(asyncdrop::TeardownReport());
}
