// Tells systemd how the mount is doing, if it wants to know (sd_notify(3)): datagrams to the socket that
// NOTIFY_SOCKET names. The protocol is the whole interface, so there is no library in between.
//
// Threads: the core.
#pragma once

#include <chrono>
#include <string>

namespace demofs::app {

class ServiceManager {
  public:
    /// Speaks to whom NOTIFY_SOCKET in the environment names; without it to nobody.
    ServiceManager();

    /// The mount answers.
    void ready(const std::string& status);
    /// It has begun to end.
    void stopping(const std::string& status);
    /// It is still ending, and moves on: it must not be killed for at least that long from now on.
    void still_stopping(const std::string& status, std::chrono::seconds extension);
    /// The same state as before, in other words.
    void status(const std::string& text);

  private:
    void send(const std::string& message) const;

    std::string address_;  // empty: nobody; a leading @ stands for the zero byte of an abstract socket
};

}  // namespace demofs::app
