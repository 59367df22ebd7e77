#pragma once
#include <string>

std::string report_as_json();
