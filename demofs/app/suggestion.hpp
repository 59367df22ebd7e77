// "Did you mean ...?" for mistyped commands and options.
//
// Threads: a plain function.
#pragma once

#include <string>
#include <vector>

namespace demofs::app {

/// The candidate that `word` is probably meant to be: the same but for upper and lower case, or at most a third of
/// its letters typed wrong, left out, too many or swapped with a neighbour. Empty: none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace demofs::app
