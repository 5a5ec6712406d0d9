-- The function of triggers with which a test lets the database refuse rows.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE 'refused';
END
$$;
