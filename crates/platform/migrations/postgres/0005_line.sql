-- A hash of the address that a television asked from, so that a phone can be told whether it is on the same line.
ALTER TABLE device ADD COLUMN asked_from BYTEA;
