-- Room in each page for the next version of a row, so that a sign-in changes no index (a heap-only update): the step and the
-- drift are in none. For pages that are written from now on.
ALTER TABLE credential SET (fillfactor = 80);
