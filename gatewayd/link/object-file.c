/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/object-file.h"

#include <elf.h>
#include <string.h>

#include "base/error.h"

#define MAX_HEADERS 1024

#if __SIZEOF_POINTER__ == 8
#define ELF_CLASS ELFCLASS64
typedef Elf64_Ehdr Head;
typedef Elf64_Phdr Segment;
typedef Elf64_Shdr Section;
typedef Elf64_Sym Symbol;
#else
#define ELF_CLASS ELFCLASS32
typedef Elf32_Ehdr Head;
typedef Elf32_Phdr Segment;
typedef Elf32_Shdr Section;
typedef Elf32_Sym Symbol;
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ELF_DATA ELFDATA2LSB
#else
#define ELF_DATA ELFDATA2MSB
#endif

typedef struct {
  const guint8 *data;
  gsize size;
} File;

static gboolean
is_inside(const File *file, guint64 offset, guint64 size)
{
  return offset <= file->size && size <= file->size - offset;
}

/* Our own head, by the linker: what we run on, so that no list of machines is kept here. */
extern const Head __ehdr_start __attribute__((visibility("hidden")));

static gboolean
check_head(const File *file, Head *ret_head, GError **error)
{
  Head head = { 0 };

  if (file->size < sizeof head)
    return gw_fail(error, GW_ERROR_CORRUPT, "too short for a shared object");
  memcpy(&head, file->data, sizeof head);
  if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
    return gw_fail(error, GW_ERROR_CORRUPT, "not a shared object");
  if (head.e_ident[EI_CLASS] != ELF_CLASS || head.e_ident[EI_DATA] != ELF_DATA ||
      head.e_machine != __ehdr_start.e_machine)
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "made for another machine");
  if (head.e_type != ET_DYN || head.e_version != EV_CURRENT)
    return gw_fail(error, GW_ERROR_CORRUPT, "not a shared object");
  *ret_head = head;
  return TRUE;
}

static gboolean
check_segments(const File *file, const Head *head, GError **error)
{
  gboolean has_dynamic = FALSE;

  if (head->e_phentsize != sizeof(Segment) || head->e_phnum == 0 || head->e_phnum > MAX_HEADERS ||
      !is_inside(file, head->e_phoff, (guint64)head->e_phnum * head->e_phentsize))
    return gw_fail(error, GW_ERROR_CORRUPT, "its segments are not all there");
  for (guint i = 0; i < head->e_phnum; i++) {
    Segment segment;
    memcpy(&segment, file->data + head->e_phoff + i * sizeof segment, sizeof segment);
    if (!is_inside(file, segment.p_offset, segment.p_filesz))
      return gw_fail(error, GW_ERROR_CORRUPT, "cut short in segment %u", i);
    has_dynamic |= segment.p_type == PT_DYNAMIC;
  }
  if (!has_dynamic)
    return gw_fail(error, GW_ERROR_CORRUPT, "not a shared object: it has no dynamic segment");
  return TRUE;
}

static gboolean
check_sections(const File *file, const Head *head, GError **error)
{
  if (head->e_shnum == 0)
    return TRUE;
  if (head->e_shentsize != sizeof(Section) || head->e_shnum > MAX_HEADERS ||
      !is_inside(file, head->e_shoff, (guint64)head->e_shnum * head->e_shentsize))
    return gw_fail(error, GW_ERROR_CORRUPT, "its sections are not all there");
  for (guint i = 0; i < head->e_shnum; i++) {
    Section section;
    memcpy(&section, file->data + head->e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
        !is_inside(file, section.sh_offset, section.sh_size))
      return gw_fail(error, GW_ERROR_CORRUPT, "cut short in section %u", i);
  }
  return TRUE;
}

gboolean
gw_object_file_check(const void *data, gsize size, GError **error)
{
  File file = { data, size };
  Head head = { 0 };

  return check_head(&file, &head, error) && check_segments(&file, &head, error) &&
         check_sections(&file, &head, error);
}

/* ---- what kind of plugin ---- */

static gboolean
read_section(const File *file, const Head *head, guint i, Section *ret_section)
{
  guint64 offset = head->e_shoff + (guint64)i * sizeof *ret_section;

  if (i >= head->e_shnum || !is_inside(file, offset, sizeof *ret_section))
    return FALSE;
  memcpy(ret_section, file->data + offset, sizeof *ret_section);
  return ret_section->sh_type == SHT_NOBITS || is_inside(file, ret_section->sh_offset, ret_section->sh_size);
}

static gboolean
is_named(const File *file, const Section *names, guint32 at, const char *name)
{
  gsize size = strlen(name) + 1;

  return at < names->sh_size && size <= names->sh_size - at &&
         memcmp(file->data + names->sh_offset + at, name, size) == 0;
}

static gboolean
find_symbol(const File *file, const Head *head, const Section *table, const char *name, Symbol *ret_symbol)
{
  Section names;

  if (!read_section(file, head, table->sh_link, &names) || names.sh_type != SHT_STRTAB)
    return FALSE;
  for (guint64 i = 0; i < table->sh_size / sizeof *ret_symbol; i++) {
    memcpy(ret_symbol, file->data + table->sh_offset + i * sizeof *ret_symbol, sizeof *ret_symbol);
    if (is_named(file, &names, ret_symbol->st_name, name))
      return TRUE;
  }
  return FALSE;
}

/* The third of the constant's first numbers: they are there before anything is relocated. */
static guint
kind_at(const File *file, const Head *head, const Symbol *symbol)
{
  guint32 first[3];
  Section section;

  if (!read_section(file, head, symbol->st_shndx, &section) || section.sh_type == SHT_NOBITS ||
      symbol->st_value < section.sh_addr || section.sh_size < sizeof first ||
      symbol->st_value - section.sh_addr > section.sh_size - sizeof first)
    return 0;
  memcpy(first, file->data + section.sh_offset + (symbol->st_value - section.sh_addr), sizeof first);
  return first[2];
}

guint
gw_object_file_kind(const void *data, gsize size)
{
  File file = { data, size };
  Head head = { 0 };
  Section section;
  Symbol symbol;

  if (!check_head(&file, &head, NULL) || head.e_shentsize != sizeof(Section) || head.e_shnum > MAX_HEADERS)
    return 0;
  for (guint i = 0; i < head.e_shnum && read_section(&file, &head, i, &section); i++)
    if (section.sh_type == SHT_DYNSYM && find_symbol(&file, &head, &section, "gateway_plugin", &symbol))
      return kind_at(&file, &head, &symbol);
  return 0;
}
