-- As a mistake would have it: the first statement is sound, the second is not, and neither may stay.
CREATE TABLE faulty (id bigint PRIMARY KEY);
ALTER TABLE of_no_such_name ADD COLUMN more text;
