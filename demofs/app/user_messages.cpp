#include "demofs/app/user_messages.hpp"

#include <iostream>

namespace demofs::app {

void say_notice(const std::string& sentence) {
    std::cerr << "demofs: " + sentence + "\n" << std::flush;
}

void say_error(const std::string& sentence) {
    say_notice(sentence);
}

}  // namespace demofs::app
