// SPDX-License-Identifier: Apache-2.0
#include "store/faulty_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace openunison::store {
namespace {

constexpr std::int64_t kBlock = 4'096;

std::string content_of(const std::string& file) {
  std::ostringstream content;
  content << std::ifstream(file, std::ios::binary).rdbuf();
  return std::move(content).str();
}

// The file's own part comes first, the usual VFS's behind it.
struct Handle {
  sqlite3_file base;
  const char* name;  // of a database or its log; null for others, which never fail
  std::uint64_t told;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
Handle* handle(sqlite3_file* file) {
  return reinterpret_cast<Handle*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
  return handle(file)->real();
}

sqlite3_vfs* usual = nullptr;
using Operation = FaultyDisk::Operation;

int fate_of(sqlite3_file* file, Operation operation) {
  return handle(file)->name == nullptr ? 0 : FaultyDisk::instance().fate(operation);
}

int x_close(sqlite3_file* file) {
  return real(file)->pMethods->xClose(real(file));
}
int x_read(sqlite3_file* file, void* data, int size, sqlite3_int64 at) {
  const int fate = fate_of(file, Operation::read);
  return fate != 0 ? fate : real(file)->pMethods->xRead(real(file), data, size, at);
}
int x_write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  const int fate = fate_of(file, Operation::write);
  // A write that fails has written some of it.
  const int part = fate != 0 ? size / 2 : size;
  const int status = real(file)->pMethods->xWrite(real(file), data, part, at);
  if (handle(file)->name != nullptr) FaultyDisk::instance().written(handle(file)->name, at, part);
  return fate != 0 ? fate : status;
}
int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
  const int fate = fate_of(file, Operation::truncate);
  return fate != 0 ? fate : real(file)->pMethods->xTruncate(real(file), size);
}
int x_sync(sqlite3_file* file, int flags) {
  if (handle(file)->name == nullptr) return real(file)->pMethods->xSync(real(file), flags);
  const int fate = fate_of(file, Operation::sync);
  return FaultyDisk::instance().synced(handle(file)->name, fate, handle(file)->told);
}
int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int x_lock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int x_unlock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int x_check_reserved_lock(sqlite3_file* file, int* result) {
  return real(file)->pMethods->xCheckReservedLock(real(file), result);
}
int x_file_control(sqlite3_file* file, int operation, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int x_sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}
int x_device_characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
int x_shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** mapped) {
  return real(file)->pMethods->xShmMap(real(file), region, size, extend, mapped);
}
int x_shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
void x_shm_barrier(sqlite3_file* file) {
  real(file)->pMethods->xShmBarrier(real(file));
}
int x_shm_unmap(sqlite3_file* file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

const sqlite3_io_methods kMethods = {2,
                                     x_close,
                                     x_read,
                                     x_write,
                                     x_truncate,
                                     x_sync,
                                     x_file_size,
                                     x_lock,
                                     x_unlock,
                                     x_check_reserved_lock,
                                     x_file_control,
                                     x_sector_size,
                                     x_device_characteristics,
                                     x_shm_map,
                                     x_shm_lock,
                                     x_shm_barrier,
                                     x_shm_unmap,
                                     nullptr,
                                     nullptr};

int x_open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  Handle* const opened = handle(file);
  const bool kept = (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0 && name != nullptr;
  opened->name = kept ? name : nullptr;
  opened->base.pMethods = nullptr;
  const int status = usual->xOpen(usual, name, opened->real(), flags, out_flags);
  if (opened->real()->pMethods != nullptr) opened->base.pMethods = &kMethods;
  opened->told = status == SQLITE_OK && kept ? FaultyDisk::instance().opened(name) : 0;
  return status;
}
int x_delete(sqlite3_vfs*, const char* name, int sync_directory) {
  const int status = usual->xDelete(usual, name, sync_directory);
  if (status == SQLITE_OK) FaultyDisk::instance().deleted(name);
  return status;
}

}  // namespace

FaultyDisk& FaultyDisk::instance() {
  static FaultyDisk disk;
  return disk;
}

void FaultyDisk::install() {
  static sqlite3_vfs vfs;
  if (usual == nullptr) {
    usual = sqlite3_vfs_find(nullptr);
    vfs = *usual;
    vfs.zName = "faulty";
    vfs.pNext = nullptr;
    vfs.szOsFile = static_cast<int>(sizeof(Handle)) + usual->szOsFile;
    vfs.xOpen = x_open;
    vfs.xDelete = x_delete;
  }
  disarm();
  sqlite3_vfs_register(&vfs, 1);
}

void FaultyDisk::remove() {
  disarm();
  sqlite3_vfs_register(usual, 1);
  const std::lock_guard lock(mutex_);
  files_.clear();
}

void FaultyDisk::arm(Plan plan) {
  const std::lock_guard lock(mutex_);
  plan_ = plan;
  armed_ = true;
  counts_.clear();
  failures_ = 0;
}

void FaultyDisk::disarm() {
  const std::lock_guard lock(mutex_);
  armed_ = false;
  for (auto& [name, file] : files_) file.failed = 0;
}

void FaultyDisk::pause() {
  const std::lock_guard lock(mutex_);
  paused_ = true;
}

void FaultyDisk::resume() {
  const std::lock_guard lock(mutex_);
  paused_ = false;
}

int FaultyDisk::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

int FaultyDisk::fate(Operation operation) {
  const std::lock_guard lock(mutex_);
  if (!armed_ || paused_) return 0;
  const int number = ++counts_[operation];
  const int planned = counts_[plan_.operation];
  const bool now = operation == plan_.operation
                       ? number >= plan_.at && number < plan_.at + plan_.length
                       : plan_.truncate_too && operation == Operation::truncate &&
                             planned >= plan_.at && planned < plan_.at + plan_.length;
  if (!now) return 0;
  ++failures_;
  return plan_.status;
}

std::uint64_t FaultyDisk::opened(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!files_.contains(name)) files_[name].platter = content_of(name);
  return failed_syncs_;
}

void FaultyDisk::written(const std::string& name, std::int64_t at, std::int64_t size) {
  const std::lock_guard lock(mutex_);
  if (size == 0) return;
  for (std::int64_t block = at / kBlock; block <= (at + size - 1) / kBlock; ++block)
    files_[name].dirty.insert(block);
}

int FaultyDisk::synced(const std::string& name, int fate, std::uint64_t& told) {
  const std::lock_guard lock(mutex_);
  File& file = files_[name];
  if (fate != 0) {
    file.dirty.clear();
    told = file.failed = ++failed_syncs_;
    return fate;
  }
  std::ifstream in(name, std::ios::binary);
  in.seekg(0, std::ios::end);
  file.platter.resize(static_cast<std::size_t>(in.tellg()));
  for (const std::int64_t block : file.dirty) {
    const auto at = static_cast<std::size_t>(block * kBlock);
    if (at >= file.platter.size()) continue;
    in.seekg(block * kBlock);
    in.read(file.platter.data() + at,
            static_cast<std::streamsize>(std::min<std::size_t>(kBlock, file.platter.size() - at)));
  }
  file.dirty.clear();
  if (told >= file.failed) return 0;
  told = file.failed;
  return SQLITE_IOERR_FSYNC;
}

void FaultyDisk::deleted(const std::string& name) {
  const std::lock_guard lock(mutex_);
  files_.erase(name);
}

void FaultyDisk::copy_platter(const std::string& file, const std::string& copy) const {
  const std::lock_guard lock(mutex_);
  for (const char* suffix : {"", "-wal"}) {
    const auto found = files_.find(file + suffix);
    if (found != files_.end())
      std::ofstream(copy + suffix, std::ios::binary) << found->second.platter;
  }
}

}  // namespace openunison::store
