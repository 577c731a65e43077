-- A new credential has no step yet. On SQLite these two are a table of their own (docs/decisions/0206).
ALTER TABLE credential ALTER COLUMN last_step SET DEFAULT -1, ALTER COLUMN drift SET DEFAULT 0;
