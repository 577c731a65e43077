-- Several people may ask for a code to one address: nobody's ends another's, and all of them get the same code. `origin` is the
-- challenge that the code was made for.
DROP INDEX challenge_recipient;
CREATE INDEX challenge_recipient ON challenge (recipient, purpose);
ALTER TABLE challenge ADD COLUMN origin TEXT NOT NULL DEFAULT '';
UPDATE challenge SET origin = id;
CREATE INDEX challenge_origin ON challenge (origin);
