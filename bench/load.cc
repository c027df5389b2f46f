// SPDX-License-Identifier: Apache-2.0
//
// The load generator of `make bench`: virtual clients against one server over TLS, HTTP/1.1 or
// HTTP/2, on one thread with epoll. Closed loop: every slot starts its next operation when the last
// one is over. Open loop (--rate): operations have intended starts at even distances, wait in a
// queue where all slots are busy, and are timed from the intended start, so that a server that
// stalls can't hide it (coordinated omission). Prints one JSON object: rates by wall clock and by
// the server's CPU time, latencies, memory.
//
// Speaks to 127.0.0.1 only. Ends after --warm-up and --seconds.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <stdexcept>
#include <unordered_map>

#include "bench/connection.h"
#include "bench/histogram.h"
#include "bench/process.h"
#include "bench/scenario.h"

namespace openunison::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Time = SteadyClock::time_point;
using Duration = std::chrono::duration<double>;

constexpr const char* kUsage =
    "bench_load --port N --scenario get|refresh|sign-in --path PATH [options]\n"
    "  --name HOST          of the certificate and the Host field (localhost)\n"
    "  --ca FILE            whom to trust\n"
    "  --connections N      (8)        --streams N   at once on one HTTP/2 connection (1)\n"
    "  --http2              speak HTTP/2\n"
    "  --fresh              a new connection, with a handshake, for every operation\n"
    "  --resume             with --fresh: resume the last TLS session\n"
    "  --rate N             open loop: operations a second by wall clock\n"
    "  --seconds S (3)      --warm-up S (0.5)\n"
    "  --operations N       end after so many, whatever the time (for callgrind)\n"
    "  --idle N             hold so many more connections open meanwhile, each after one GET of "
    "--idle-path (/healthz)\n"
    "  --pid N              a process of the server; may be repeated\n"
    "  --header NAME:VALUE  may be repeated\n"
    "  refresh: --chains FILE (a token a line; rewritten) --form TEXT (further parameters)\n"
    "  sign-in: --user --password --client-id --redirect-uri; --path is the issuer's\n";

struct Options {
  int port = 0;
  std::string name = "localhost", ca, scenario, idle_path = "/healthz";
  std::size_t connections = 8, streams = 1, idle = 0;
  std::uint64_t operations = 0;
  bool http2 = false, fresh = false, resume = false;
  double rate = 0, seconds = 3, warm_up = 0.5;
  std::vector<pid_t> pids;
  ScenarioOptions load;
};

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--http2") {
      options.http2 = true;
      continue;
    }
    if (name == "--fresh") {
      options.fresh = true;
      continue;
    }
    if (name == "--resume") {
      options.resume = true;
      continue;
    }
    if (++i == argc) throw std::runtime_error(name + " needs a value\n" + kUsage);
    const std::string value = argv[i];
    if (name == "--port")
      options.port = std::stoi(value);
    else if (name == "--name")
      options.name = value;
    else if (name == "--ca")
      options.ca = value;
    else if (name == "--scenario")
      options.scenario = value;
    else if (name == "--path")
      options.load.path = value;
    else if (name == "--connections")
      options.connections = std::stoul(value);
    else if (name == "--streams")
      options.streams = std::stoul(value);
    else if (name == "--rate")
      options.rate = std::stod(value);
    else if (name == "--seconds")
      options.seconds = std::stod(value);
    else if (name == "--warm-up")
      options.warm_up = std::stod(value);
    else if (name == "--operations")
      options.operations = std::stoull(value);
    else if (name == "--idle")
      options.idle = std::stoul(value);
    else if (name == "--idle-path")
      options.idle_path = value;
    else if (name == "--pid")
      options.pids.push_back(std::stoi(value));
    else if (name == "--chains")
      options.load.chains = value;
    else if (name == "--form")
      options.load.form = value;
    else if (name == "--user")
      options.load.user = value;
    else if (name == "--password")
      options.load.password = value;
    else if (name == "--client-id")
      options.load.client_id = value;
    else if (name == "--redirect-uri")
      options.load.redirect_uri = value;
    else if (name == "--header") {
      const std::size_t colon = value.find(':');
      if (colon == std::string::npos) throw std::runtime_error("--header needs NAME:VALUE");
      options.load.headers.emplace_back(value.substr(0, colon), value.substr(colon + 1));
    } else
      throw std::runtime_error("unknown option " + name + "\n" + kUsage);
  }
  if (options.port == 0 || options.scenario.empty() || options.load.path.empty())
    throw std::runtime_error(kUsage);
  return options;
}

std::unique_ptr<Scenario> make_scenario(const Options& options) {
  if (options.scenario == "get") return get_scenario(options.load);
  if (options.scenario == "refresh") return refresh_scenario(options.load);
  if (options.scenario == "sign-in") return sign_in_scenario(options.load);
  throw std::runtime_error("no such scenario: " + options.scenario);
}

class Engine {
 public:
  explicit Engine(Options options)
      : options_(std::move(options)),
        scenario_(make_scenario(options_)),
        poll_(::epoll_create1(0)) {
    target_.tls = SSL_CTX_new(TLS_client_method());
    if (!options_.ca.empty() &&
        SSL_CTX_load_verify_locations(target_.tls, options_.ca.c_str(), nullptr) != 1)
      throw std::runtime_error(options_.ca + " can't be read");
    SSL_CTX_set_verify(target_.tls, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(target_.tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
    static constexpr unsigned char kH2[] = "\x02h2";
    static constexpr unsigned char kH1[] = "\x08http/1.1";
    if (options_.http2)
      SSL_CTX_set_alpn_protos(target_.tls, kH2, sizeof kH2 - 1);
    else
      SSL_CTX_set_alpn_protos(target_.tls, kH1, sizeof kH1 - 1);
    target_.address.sin_family = AF_INET;
    target_.address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    target_.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    target_.name = options_.name;
    target_.authority = options_.name + ":" + std::to_string(options_.port);
    target_.http2 = options_.http2;
  }

  int run() {
    if (options_.idle > 0) open_idle();
    for (std::size_t i = 0; i < options_.connections; ++i) {
      clients_.push_back(std::make_unique<Client>());
      clients_.back()->slots.resize(options_.http2 ? options_.streams : 1);
      if (options_.fresh)
        clients_.back()->over = true;
      else
        open(*clients_.back());
    }
    start_ = SteadyClock::now();
    measured_from_ = start_ + seconds(options_.warm_up);
    const Time end = measured_from_ + seconds(options_.seconds);
    next_due_ = start_;
    bool measuring = false;
    for (;;) {
      const Time now = SteadyClock::now();
      if (!measuring && now >= measured_from_) {
        measuring = true;
        cpu_before_ = cpu_seconds(options_.pids);
        measured_from_ = now;
      }
      if (now >= end || (options_.operations > 0 && finished_ >= options_.operations)) break;
      make_due(now);
      give_work(now);
      poll();
    }
    const double took = std::chrono::duration<double>(SteadyClock::now() - measured_from_).count();
    print(took, cpu_seconds(options_.pids) - cpu_before_);
    finish();
    return counted_ > 0 && failures_.empty() ? 0 : 1;
  }

 private:
  struct Slot {
    std::unique_ptr<Operation> operation;
    Time intended;
  };
  struct Client {
    std::unique_ptr<Connection> connection;
    std::vector<Slot> slots;
    bool watched_for_write = true;
    bool over = false;  // to be reopened
  };

  static SteadyClock::duration seconds(double count) {
    return std::chrono::duration_cast<SteadyClock::duration>(Duration(count));
  }

  void open(Client& client) {
    if (options_.resume && client.connection) {
      SSL_SESSION_free(session_);
      session_ = client.connection->session();
    }
    client.connection.reset();
    client.over = false;
    client.watched_for_write = true;
    client.connection =
        std::make_unique<Connection>(target_, options_.resume ? session_ : nullptr,
                                     [this, &client](std::size_t slot, Response response) {
                                       answered(client, slot, std::move(response));
                                     });
    watch(client.connection->fd(), &client, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
  }

  void watch(int fd, void* who, int how, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = who;
    ::epoll_ctl(poll_, how, fd, &event);
  }

  // Operations whose time has come.
  void make_due(Time now) {
    if (options_.rate <= 0) return;
    const auto distance = seconds(1 / options_.rate);
    for (; next_due_ <= now; next_due_ += distance) due_.push_back(next_due_);
  }

  void give_work(Time now) {
    for (const auto& client : clients_) {
      if (client->over) {
        drop(*client);
        // With a connection of its own, an operation begins before the handshake.
        if (options_.fresh && !something_due()) return;
        open(*client);
      }
      if (options_.fresh ? client->slots.front().operation != nullptr
                         : !client->connection->is_open())
        continue;
      bool begun = false;
      for (std::size_t i = 0; i < client->slots.size(); ++i) {
        if (client->slots[i].operation) continue;
        if (!something_due()) break;
        if (!begin(*client, i, options_.rate > 0 ? due_.front() : now)) break;
        if (options_.rate > 0) due_.pop_front();
        begun = true;
      }
      if (begun && client->connection->is_open()) drive(*client);
    }
  }

  // What runs is seen to its end, uncounted: a token that was replaced without our knowing would be
  // a stolen one to the next run.
  void finish() {
    stopping_ = true;
    const Time end = SteadyClock::now() + seconds(5);
    const auto busy = [this] {
      return std::ranges::any_of(clients_, [](const auto& client) {
        return !client->over && std::ranges::any_of(client->slots, [](const Slot& slot) {
          return slot.operation != nullptr;
        });
      });
    };
    while (busy() && SteadyClock::now() < end) poll();
    clients_.clear();
    scenario_->finish();
  }

  bool something_due() const { return options_.rate <= 0 || !due_.empty(); }

  bool begin(Client& client, std::size_t slot, Time intended) {
    auto operation = scenario_->begin();
    if (!operation) return false;
    const auto request = operation->next(nullptr);
    client.slots[slot] = {std::move(operation), intended};
    client.connection->protocol().submit(slot, *request);
    return true;
  }

  void answered(Client& client, std::size_t index, Response response) {
    Slot& slot = client.slots[index];
    ++statuses_[response.status];
    if (!slot.operation) return;
    if (const auto request = slot.operation->next(&response)) {
      client.connection->protocol().submit(index, *request);
      return;
    }
    const Time now = SteadyClock::now();
    ++finished_;
    if (!slot.operation->failure().empty()) {
      ++failures_[slot.operation->failure()];
    } else if (now >= measured_from_) {
      ++counted_;
      const Time intended =
          options_.rate > 0 ? std::max(slot.intended, measured_from_) : slot.intended;
      latencies_.add(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(now - intended).count()));
    }
    slot.operation.reset();
    if (options_.fresh) {
      client.over = true;
      return;
    }
    // At once, in the same turn: the answer's reader is still running and will send it.
    if (options_.rate <= 0 && !stopping_) begin(client, index, now);
  }

  // What ran on a connection that broke has failed.
  void drop(Client& client) {
    for (Slot& slot : client.slots) {
      if (!slot.operation) continue;
      ++failures_["the connection broke off"];
      slot.operation.reset();
    }
  }

  void drive(Client& client) {
    if (client.over) return;
    if (!client.connection->drive()) client.over = true;
    if (client.over) return;
    const bool write = client.connection->wants_write();
    if (write != client.watched_for_write)
      watch(client.connection->fd(), &client, EPOLL_CTL_MOD,
            write ? EPOLLIN | EPOLLOUT : std::uint32_t{EPOLLIN});
    client.watched_for_write = write;
  }

  // Looks without ever sleeping: to wake us would cost the server, and with clients that are
  // elsewhere it doesn't have to.
  void poll() {
    epoll_event events[128];
    const int ready = ::epoll_wait(poll_, events, std::size(events), 0);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.ptr == nullptr)
        throw std::runtime_error("an idle connection was ended by the server");
      drive(*static_cast<Client*>(events[i].data.ptr));
    }
  }

  // Connections that have had one answer each and stay open; at most 64 shake hands at a time.
  void open_idle() {
    resident_before_idle_ = resident_kib(options_.pids);
    const Request request{"GET", options_.idle_path, options_.load.headers, ""};
    while (idle_.size() < options_.idle) {
      const std::size_t from = idle_.size();
      std::size_t answers = 0;
      const std::size_t batch = std::min<std::size_t>(64, options_.idle - from);
      for (std::size_t i = 0; i < batch; ++i) {
        idle_.push_back(std::make_unique<Connection>(target_, nullptr,
                                                     [&answers](std::size_t, Response response) {
                                                       if (response.status == 200) ++answers;
                                                     }));
        idle_.back()->protocol().submit(0, request);
      }
      const Time end = SteadyClock::now() + seconds(20);
      while (answers < batch) {
        if (SteadyClock::now() > end) throw std::runtime_error("idle connections can't be opened");
        for (std::size_t i = from; i < idle_.size(); ++i) {
          if (!idle_[i]->drive()) throw std::runtime_error("an idle connection was refused");
        }
      }
    }
    // The counter above is gone: nothing may be answered any more, and the kernel tells of an end.
    for (const auto& connection : idle_)
      watch(connection->fd(), nullptr, EPOLL_CTL_ADD, EPOLLRDHUP);
    resident_with_idle_ = resident_kib(options_.pids);
  }

  void print(double took, double cpu) const {
    const auto milliseconds = [this](double share) {
      return static_cast<double>(latencies_.percentile(share)) / 1e6;
    };
    const auto count = static_cast<double>(counted_);
    std::string failures;
    std::uint64_t failed = 0;
    for (const auto& [why, times] : failures_) {
      failed += times;
      std::string text;
      for (const char c : why) text += c < ' ' || c == '"' || c == '\\' ? ' ' : c;
      if (failures.size() < 2000)
        failures += fmt::format("{}\"{}\":{}", failures.empty() ? "" : ",", text, times);
    }
    std::string statuses;
    for (const auto& [status, times] : statuses_)
      statuses += fmt::format("{}\"{}\":{}", statuses.empty() ? "" : ",", status, times);
    fmt::print(
        "{{\"operations\":{},\"failed\":{},\"seconds\":{:.3f},\"per_second\":{:.1f},\"server_cpu_"
        "seconds\":{:.3f},"
        "\"per_cpu_second\":{:.1f},\"latency_ms\":{{\"p50\":{:.3f},\"p90\":{:.3f},\"p99\":{:.3f},"
        "\"p999\":{:.3f},"
        "\"max\":{:.3f}}},\"rss_kib\":{},\"idle\":{{\"connections\":{},\"rss_before_kib\":{},\"rss_"
        "with_kib\":{}}},"
        "\"statuses\":{{{}}},\"failures\":{{{}}}}}\n",
        counted_, failed, took, count / took, cpu, cpu > 0 ? count / cpu : 0.0, milliseconds(0.5),
        milliseconds(0.9), milliseconds(0.99), milliseconds(0.999),
        static_cast<double>(latencies_.largest()) / 1e6, resident_kib(options_.pids), idle_.size(),
        resident_before_idle_, resident_with_idle_, statuses, failures);
  }

  const Options options_;
  const std::unique_ptr<Scenario> scenario_;
  const int poll_;
  Target target_;
  SSL_SESSION* session_ = nullptr;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::deque<Time> due_;
  Time start_, measured_from_, next_due_;
  double cpu_before_ = 0;
  bool stopping_ = false;
  std::uint64_t counted_ = 0, finished_ = 0, resident_before_idle_ = 0, resident_with_idle_ = 0;
  Histogram latencies_;
  std::map<int, std::uint64_t> statuses_;
  std::map<std::string, std::uint64_t> failures_;
};

}  // namespace
}  // namespace openunison::bench

int main(int argc, char** argv) {
  try {
    return openunison::bench::Engine(openunison::bench::read_options(argc, argv)).run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_load: {}\n", error.what());
    return 2;
  }
}
