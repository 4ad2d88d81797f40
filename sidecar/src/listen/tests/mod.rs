mod head;
mod pace;
mod scan;
