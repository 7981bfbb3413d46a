-- SPDX-License-Identifier: LGPL-2.1-or-later
-- What the core keeps. Each "-- version N" begins the statements that lead from version N - 1 to N; PRAGMA
-- user_version says where a database stands. Never change a version that was released: add the next.
-- Texts are NOT NULL, "" = none. Times end in _ms: wall clock since 1970, or the boot clock where it says so.

-- version 1
CREATE TABLE sequence (name TEXT PRIMARY KEY NOT NULL, next INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE product (
  name TEXT PRIMARY KEY NOT NULL,
  plugin TEXT NOT NULL,
  scheme TEXT NOT NULL,
  series_chars INTEGER NOT NULL,
  is_auto_adopt INTEGER NOT NULL,
  least_identity TEXT NOT NULL,
  is_require_signature INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE firmware (
  id INTEGER PRIMARY KEY,
  product TEXT NOT NULL,
  type TEXT NOT NULL,
  hardware_version TEXT NOT NULL,
  software_version TEXT NOT NULL,
  name TEXT NOT NULL,
  notes TEXT NOT NULL,
  plugin TEXT NOT NULL,
  attributes TEXT NOT NULL, -- JSON object
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  upstream TEXT NOT NULL,
  url TEXT NOT NULL,
  base_url TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  is_signed INTEGER NOT NULL,
  verify_node TEXT NOT NULL,
  is_downgrade_allowed INTEGER NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  sha1 BLOB NOT NULL,
  md5 BLOB NOT NULL,
  crc32 INTEGER NOT NULL,
  image_state TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  state_changed_ms INTEGER NOT NULL
);

CREATE TABLE node (
  id TEXT PRIMARY KEY NOT NULL,
  product TEXT NOT NULL,
  plugin TEXT NOT NULL,
  location TEXT NOT NULL,
  address TEXT NOT NULL,
  mac TEXT NOT NULL,
  aliases TEXT NOT NULL,    -- JSON array
  labels TEXT NOT NULL,     -- JSON array
  attributes TEXT NOT NULL, -- JSON object
  components TEXT NOT NULL, -- JSON array of [type, hardware, software, source, since_ms]
  identity TEXT NOT NULL,
  is_adopted INTEGER NOT NULL,
  is_group INTEGER NOT NULL,
  is_set_aside INTEGER NOT NULL,
  set_aside_reason TEXT NOT NULL,
  needs_power_cycle INTEGER NOT NULL,
  credential_digest TEXT NOT NULL,
  first_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Apart from node and narrow: a hundred nodes share a page, so that noting who was heard spares the flash.
CREATE TABLE contact (
  node TEXT PRIMARY KEY NOT NULL,
  last_ms INTEGER NOT NULL,
  n_contacts INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE rule (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  firmware INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  state TEXT NOT NULL,
  pause_reason TEXT NOT NULL,
  product TEXT NOT NULL,
  nodes TEXT,    -- JSON array, NULL = any
  macs TEXT,     -- JSON array, NULL = any
  versions TEXT, -- JSON array, NULL = any
  location TEXT NOT NULL,
  is_unknown_included INTEGER NOT NULL,
  not_before_ms INTEGER NOT NULL,
  not_after_ms INTEGER NOT NULL,
  from_minute INTEGER NOT NULL,
  until_minute INTEGER NOT NULL,
  is_cut_at_edge INTEGER NOT NULL,
  cap INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  is_heard_required INTEGER NOT NULL,
  is_push INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL
);

CREATE TABLE node_update (
  id INTEGER PRIMARY KEY,
  node TEXT NOT NULL,
  type TEXT NOT NULL,
  firmware INTEGER NOT NULL,
  rule INTEGER NOT NULL,
  state TEXT NOT NULL,
  is_open INTEGER NOT NULL,
  reason TEXT NOT NULL,
  is_inferred INTEGER NOT NULL,
  n_attempts INTEGER NOT NULL,
  boot_id TEXT NOT NULL,            -- of the row's own boot clock times
  written_boot_ms INTEGER NOT NULL, -- boot clock when the row was written
  retry_boot_ms INTEGER NOT NULL,
  deadline_boot_id TEXT NOT NULL,
  deadline_boot_ms INTEGER NOT NULL,
  deadline_remaining_ms INTEGER NOT NULL,
  version_before TEXT NOT NULL,
  acked INTEGER NOT NULL,
  size INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  finished_ms INTEGER NOT NULL
);
CREATE INDEX node_update_of ON node_update (node, type, rule);
CREATE INDEX node_update_rule ON node_update (rule);
CREATE INDEX node_update_open ON node_update (id) WHERE is_open;

CREATE TABLE history (
  id INTEGER PRIMARY KEY,
  node_update INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  state TEXT NOT NULL,
  fact TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX history_of ON history (node_update);

CREATE TABLE pin (
  token TEXT PRIMARY KEY NOT NULL,
  node_update INTEGER NOT NULL,
  firmware INTEGER NOT NULL,
  node TEXT NOT NULL,
  type TEXT NOT NULL,
  plugin TEXT NOT NULL,
  is_never_cut INTEGER NOT NULL,
  is_silent INTEGER NOT NULL,
  is_owed INTEGER NOT NULL,
  given_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,
  n_downloads INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  written_boot_ms INTEGER NOT NULL,
  inference_is_open INTEGER NOT NULL,
  inference_n_counted INTEGER NOT NULL,
  inference_started_boot_ms INTEGER NOT NULL,
  inference_last_boot_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  wall_ms INTEGER NOT NULL,
  type TEXT NOT NULL,
  subject_kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  node TEXT NOT NULL,
  firmware INTEGER NOT NULL,
  rule INTEGER NOT NULL,
  node_update INTEGER NOT NULL,
  data TEXT NOT NULL, -- JSON object
  is_final INTEGER NOT NULL
);
CREATE INDEX event_node ON event (node, id) WHERE node <> '';

CREATE TABLE timeline (
  id INTEGER PRIMARY KEY,
  node TEXT NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  count INTEGER NOT NULL,
  is_final INTEGER NOT NULL
);
CREATE INDEX timeline_node ON timeline (node);

CREATE TABLE outbox (
  upstream TEXT NOT NULL,
  event INTEGER NOT NULL,
  order_key TEXT NOT NULL,
  replace_key TEXT NOT NULL,
  is_final INTEGER NOT NULL,
  is_dead INTEGER NOT NULL,
  n_tries INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  PRIMARY KEY (upstream, event)
) WITHOUT ROWID;
CREATE INDEX outbox_event ON outbox (event);
CREATE INDEX outbox_replace ON outbox (upstream, replace_key) WHERE replace_key <> '';

CREATE TABLE upstream (
  name TEXT PRIMARY KEY NOT NULL,
  sequence INTEGER NOT NULL,
  catalog_sha256 TEXT NOT NULL,
  etag TEXT NOT NULL,
  last_modified TEXT NOT NULL,
  expires_ms INTEGER NOT NULL,
  polled_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  is_stale INTEGER NOT NULL,
  status TEXT NOT NULL
) WITHOUT ROWID;

-- version 2
ALTER TABLE rule ADD COLUMN number TEXT NOT NULL DEFAULT '';
ALTER TABLE rule ADD COLUMN overrides TEXT NOT NULL DEFAULT '';
ALTER TABLE node_update ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN told_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN told_firmware INTEGER NOT NULL DEFAULT 0;

-- A login that several named nodes share because they cannot be given one of their own.
CREATE TABLE account (
  login TEXT PRIMARY KEY NOT NULL,
  digest TEXT NOT NULL,
  nodes TEXT NOT NULL, -- JSON array
  expires_ms INTEGER NOT NULL,
  made_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- version 3
-- What an update was about when it began, so that statistics and history outlive renaming and deletion.
ALTER TABLE node_update ADD COLUMN product TEXT NOT NULL DEFAULT '';
ALTER TABLE node_update ADD COLUMN location TEXT NOT NULL DEFAULT '';
ALTER TABLE node_update ADD COLUMN release TEXT NOT NULL DEFAULT ''; -- the firmware's software version
ALTER TABLE node_update ADD COLUMN cause TEXT NOT NULL DEFAULT '';   -- the fact that ended it
ALTER TABLE node_update ADD COLUMN took INTEGER NOT NULL DEFAULT -1; -- class of its duration, -1 = not succeeded
ALTER TABLE node_update ADD COLUMN is_group INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node_update ADD COLUMN n_downloads INTEGER NOT NULL DEFAULT 0; -- by members of a group
ALTER TABLE node_update ADD COLUMN former TEXT NOT NULL DEFAULT '';  -- of the node that this one replaced

-- The statistics of ended updates: how many there are of each kind and key, always what counting the rows would
-- give. Those that are open are counted when somebody asks: their states change too often to be written down twice.
CREATE TABLE tally (
  kind TEXT NOT NULL, -- rule, product, location, version
  key TEXT NOT NULL,
  state TEXT NOT NULL, -- of updates of groups: "group"
  cause TEXT NOT NULL,
  took INTEGER NOT NULL,
  n INTEGER NOT NULL,
  downloads INTEGER NOT NULL,
  PRIMARY KEY (kind, key, state, cause, took)
) WITHOUT ROWID;

-- Updates of an earlier version count as well, as far as it is known what they were about.
UPDATE node_update SET
  product = coalesce((SELECT product FROM firmware WHERE firmware.id = node_update.firmware), ''),
  release = coalesce((SELECT software_version FROM firmware WHERE firmware.id = node_update.firmware), version),
  location = coalesce((SELECT location FROM node WHERE node.id = node_update.node), '');
INSERT INTO tally SELECT 'rule', CAST(rule AS TEXT), state, cause, took, count(*), 0 FROM node_update
WHERE NOT is_open GROUP BY 2, 3;
INSERT INTO tally SELECT 'product', product, state, cause, took, count(*), 0 FROM node_update
WHERE NOT is_open GROUP BY 2, 3;
INSERT INTO tally SELECT 'location', location, state, cause, took, count(*), 0 FROM node_update
WHERE NOT is_open GROUP BY 2, 3;
INSERT INTO tally SELECT 'version', product || ' ' || release, state, cause, took, count(*), 0 FROM node_update
WHERE NOT is_open GROUP BY 2, 3;

CREATE TRIGGER tally_new AFTER INSERT ON node_update WHEN NOT NEW.is_open BEGIN
  INSERT INTO tally VALUES
    ('rule', CAST(NEW.rule AS TEXT), iif(NEW.is_group, 'group', NEW.state), NEW.cause, NEW.took, 1, NEW.n_downloads),
    ('product', NEW.product, iif(NEW.is_group, 'group', NEW.state), NEW.cause, NEW.took, 1, NEW.n_downloads),
    ('location', NEW.location, iif(NEW.is_group, 'group', NEW.state), NEW.cause, NEW.took, 1, NEW.n_downloads),
    ('version', NEW.product || ' ' || NEW.release, iif(NEW.is_group, 'group', NEW.state), NEW.cause, NEW.took, 1, NEW.n_downloads)
  ON CONFLICT DO UPDATE SET n = n + excluded.n, downloads = downloads + excluded.downloads;
END;

CREATE TRIGGER tally_gone AFTER DELETE ON node_update WHEN NOT OLD.is_open BEGIN
  INSERT INTO tally VALUES
    ('rule', CAST(OLD.rule AS TEXT), iif(OLD.is_group, 'group', OLD.state), OLD.cause, OLD.took, -1, -OLD.n_downloads),
    ('product', OLD.product, iif(OLD.is_group, 'group', OLD.state), OLD.cause, OLD.took, -1, -OLD.n_downloads),
    ('location', OLD.location, iif(OLD.is_group, 'group', OLD.state), OLD.cause, OLD.took, -1, -OLD.n_downloads),
    ('version', OLD.product || ' ' || OLD.release, iif(OLD.is_group, 'group', OLD.state), OLD.cause, OLD.took, -1, -OLD.n_downloads)
  ON CONFLICT DO UPDATE SET n = n + excluded.n, downloads = downloads + excluded.downloads;
END;

CREATE TRIGGER tally_left AFTER UPDATE OF is_open, state, cause, took, n_downloads ON node_update
WHEN NOT OLD.is_open AND (OLD.is_open, OLD.state, OLD.cause, OLD.took, OLD.n_downloads) IS NOT
  (NEW.is_open, NEW.state, NEW.cause, NEW.took, NEW.n_downloads) BEGIN
  INSERT INTO tally VALUES
    ('rule', CAST(OLD.rule AS TEXT), iif(OLD.is_group, 'group', OLD.state), OLD.cause, OLD.took, -1, -OLD.n_downloads),
    ('product', OLD.product, iif(OLD.is_group, 'group', OLD.state), OLD.cause, OLD.took, -1, -OLD.n_downloads),
    ('location', OLD.location, iif(OLD.is_group, 'group', OLD.state), OLD.cause, OLD.took, -1, -OLD.n_downloads),
    ('version', OLD.product || ' ' || OLD.release, iif(OLD.is_group, 'group', OLD.state), OLD.cause, OLD.took, -1, -OLD.n_downloads)
  ON CONFLICT DO UPDATE SET n = n + excluded.n, downloads = downloads + excluded.downloads;
END;

CREATE TRIGGER tally_came AFTER UPDATE OF is_open, state, cause, took, n_downloads ON node_update
WHEN NOT NEW.is_open AND (OLD.is_open, OLD.state, OLD.cause, OLD.took, OLD.n_downloads) IS NOT
  (NEW.is_open, NEW.state, NEW.cause, NEW.took, NEW.n_downloads) BEGIN
  INSERT INTO tally VALUES
    ('rule', CAST(NEW.rule AS TEXT), iif(NEW.is_group, 'group', NEW.state), NEW.cause, NEW.took, 1, NEW.n_downloads),
    ('product', NEW.product, iif(NEW.is_group, 'group', NEW.state), NEW.cause, NEW.took, 1, NEW.n_downloads),
    ('location', NEW.location, iif(NEW.is_group, 'group', NEW.state), NEW.cause, NEW.took, 1, NEW.n_downloads),
    ('version', NEW.product || ' ' || NEW.release, iif(NEW.is_group, 'group', NEW.state), NEW.cause, NEW.took, 1, NEW.n_downloads)
  ON CONFLICT DO UPDATE SET n = n + excluded.n, downloads = downloads + excluded.downloads;
END;

-- There is one of an update at most: those of one moment stand side by side, and no page is written for each.
CREATE TABLE pin_3 (
  token TEXT NOT NULL,
  node_update INTEGER PRIMARY KEY,
  firmware INTEGER NOT NULL,
  node TEXT NOT NULL,
  type TEXT NOT NULL,
  plugin TEXT NOT NULL,
  is_never_cut INTEGER NOT NULL,
  is_silent INTEGER NOT NULL,
  is_owed INTEGER NOT NULL,
  given_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL,
  n_downloads INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  written_boot_ms INTEGER NOT NULL,
  inference_is_open INTEGER NOT NULL,
  inference_n_counted INTEGER NOT NULL,
  inference_started_boot_ms INTEGER NOT NULL,
  inference_last_boot_ms INTEGER NOT NULL
);
INSERT INTO pin_3 SELECT * FROM pin;
DROP TABLE pin;
ALTER TABLE pin_3 RENAME TO pin;

-- What a rule says is one document; the other columns are what SQL needs, and what the gateway keeps of it.
CREATE TABLE rule_3 (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  pause_reason TEXT NOT NULL,
  is_push INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  form TEXT NOT NULL, -- JSON object, see model/rule-form.h
  notification INTEGER NOT NULL -- 0 = never started
);
-- json_patch() leaves out what is NULL.
INSERT INTO rule_3 SELECT id, name, state, pause_reason, is_push, created_ms, changed_ms, json_patch('{}', json_object(
  'name', name,
  'firmware', firmware,
  'number', CAST(nullif(number, '') AS INTEGER),
  'override', CASE WHEN overrides <> '' THEN json('["' || replace(overrides, ',', '","') || '"]') END,
  'priority', priority,
  'who', json_object(
    'nodes', json(nodes),
    'macs', json(macs),
    'products', CASE WHEN product <> '' THEN json_array(product) END,
    'locations', CASE WHEN location <> '' THEN json_array(location) END,
    'versions', json(versions),
    'include-unknown', CASE WHEN is_unknown_included THEN json('true') END),
  'when', json_object(
    'not-before', strftime('%Y-%m-%dT%H:%M:%SZ', nullif(not_before_ms, 0) / 1000, 'unixepoch'),
    'not-after', strftime('%Y-%m-%dT%H:%M:%SZ', nullif(not_after_ms, 0) / 1000, 'unixepoch'),
    'hours', CASE WHEN from_minute % 1440 <> until_minute % 1440
      THEN json_array(printf('%02d:%02d-%02d:%02d', from_minute / 60, from_minute % 60, until_minute / 60,
        until_minute % 60)) END,
    'cut-at-edge', CASE WHEN is_cut_at_edge THEN json('true') END),
  'cap', cap,
  'attempts', max_attempts,
  'require-heard', CASE WHEN is_heard_required THEN json('true') END)),
  iif(state = 'draft', 0, id) FROM rule;
DROP TABLE rule;
ALTER TABLE rule_3 RENAME TO rule;
ALTER TABLE firmware ADD COLUMN version_name TEXT NOT NULL DEFAULT '';
ALTER TABLE firmware ADD COLUMN proof TEXT NOT NULL DEFAULT '';
ALTER TABLE firmware ADD COLUMN overrides TEXT NOT NULL DEFAULT '';
ALTER TABLE firmware ADD COLUMN is_denied INTEGER NOT NULL DEFAULT 0;
ALTER TABLE firmware ADD COLUMN verification_step TEXT NOT NULL DEFAULT '';
ALTER TABLE firmware ADD COLUMN verification_is_silent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE firmware ADD COLUMN verification_rule INTEGER NOT NULL DEFAULT 0;
ALTER TABLE firmware ADD COLUMN verification_stay_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE firmware ADD COLUMN verification_boot_id TEXT NOT NULL DEFAULT '';
ALTER TABLE firmware ADD COLUMN verification_boot_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE firmware ADD COLUMN verification_remaining_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE product ADD COLUMN family TEXT NOT NULL DEFAULT '';
ALTER TABLE product ADD COLUMN labels TEXT NOT NULL DEFAULT '[]'; -- JSON array
ALTER TABLE product ADD COLUMN is_self_verifying INTEGER NOT NULL DEFAULT 0;
ALTER TABLE product ADD COLUMN is_to_binary INTEGER NOT NULL DEFAULT 0;
ALTER TABLE product ADD COLUMN origin TEXT NOT NULL DEFAULT ''; -- hosts whose images it takes without a digest
ALTER TABLE firmware ADD COLUMN is_undigested INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contact ADD COLUMN habit INTEGER NOT NULL DEFAULT 0; -- see model/habit.h

ALTER TABLE node ADD COLUMN n_failures INTEGER NOT NULL DEFAULT 0;

-- Where a rule's rollout stands. Who is in which group: 9 bytes each, a hash and the group's number.
CREATE TABLE rollout (
  rule INTEGER PRIMARY KEY,
  targets BLOB NOT NULL,
  missed_ms INTEGER NOT NULL -- up to here it was said which windows passed unused
);

CREATE TABLE rule_group (
  rule INTEGER NOT NULL,
  number INTEGER NOT NULL, -- from 0
  state TEXT NOT NULL,
  n_let_failed INTEGER NOT NULL,
  n_let_ended INTEGER NOT NULL,
  opened_ms INTEGER NOT NULL,
  passed_ms INTEGER NOT NULL,
  spread_boot_id TEXT NOT NULL,
  spread_boot_ms INTEGER NOT NULL,
  spread_remaining_ms INTEGER NOT NULL,
  watched_boot_id TEXT NOT NULL,
  watched_boot_ms INTEGER NOT NULL,
  watched_remaining_ms INTEGER NOT NULL,
  PRIMARY KEY (rule, number)
) WITHOUT ROWID;

-- Rules of "once a day": the UTC day on which something was last started for a node; see control/rollouts.h.
CREATE TABLE rule_day (
  rule INTEGER NOT NULL,
  key INTEGER NOT NULL, -- a hash of rule and node, and of the type of the firmware that was offered
  day INTEGER NOT NULL, -- since 1970
  PRIMARY KEY (rule, key)
) WITHOUT ROWID;

-- Which ids came next on each day of the gateway's running time: what is old; see control/ages.h.
CREATE TABLE age (
  day INTEGER PRIMARY KEY, -- of running time
  up_ms INTEGER NOT NULL,  -- running time, at the last look on this day
  event INTEGER NOT NULL,
  timeline INTEGER NOT NULL,
  node_update INTEGER NOT NULL
);
